// The truth read and a set's worth measured with the n-th allocation failing, for every n: an error
// with words, no leak.
#include "base/file.h"
#include "model/train/worth.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOCS = 5 };

static enum status measure(const char *path, const struct scoreset *set, struct worth *ret_worth,
                           struct diag *diag)
{
    static const struct calibrate identity;
    const struct market_config market = market_defaults();
    struct known known;
    enum status code =
        known_read(&(struct known_paths){.truth = path, .money = true}, path, DOCS, &known, diag);
    if (code == STATUS_OK)
        code = worth_measure(&market, set, &identity, &known, ret_worth, diag);
    known_fini(&known);
    return code;
}

static void test_every_allocation_fails(void **state)
{
    const char *path = *state;
    uint32_t list[] = {0, 1};
    uint64_t offset[] = {0, 3, DOCS};
    float logit[DOCS] = {-1, 0, 1, 2, -2};
    const struct scoreset set = {
        .list = list, .lists = 2, .docs = DOCS, .offset = offset, .logit = logit};
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct worth worth;
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = measure(path, &set, &worth, &diag);
        failed = failmalloc_disarm();
        assert_true(nth < 100);
        if (!failed)
            assert_int_equal(code, STATUS_OK);
        else if (code != STATUS_NO_MEMORY || diag.words[0] == '\0')
            fail_msg("allocation %lu failing gave %s: %s", nth, status_label(code), diag.words);
    }
    assert_true(nth > 8); // the file, its numbers, p, terms, bids, and four of the auctions
}

int main(void)
{
    struct scratch scratch;
    char path[128];
    static const char text[] = ".5\n.25\n.125\n.75\n.5\n";
    scratch_make(&scratch);
    scratch_path(&scratch, "truth", path);
    if (file_write_atomic(path, text, strlen(text), NULL) != STATUS_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_every_allocation_fails, path)};
    int failures = cmocka_run_group_tests_name("worth", tests, NULL, NULL);
    scratch_remove(&scratch);
    return failures;
}
