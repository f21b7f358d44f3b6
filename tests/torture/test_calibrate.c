// Cross-validation with its n-th allocation failing, for every n: an error with words, no leak.
#include "base/rng.h"
#include "model/train/calibrate_cross.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"

#include <math.h>
#include <string.h>

enum { LISTS = 40, LENGTH = 5, DOCS = LISTS * LENGTH };

static void test_every_allocation_fails(void **state)
{
    (void)state;
    static char qids[LISTS];
    static uint64_t qid[LISTS + 1], offset[LISTS + 1];
    static uint32_t list[LISTS];
    static float logit[DOCS], grade[DOCS];
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < LISTS; i++) {
        qids[i] = (char)('0' + i);
        qid[i + 1] = i + 1;
        offset[i + 1] = (i + 1) * LENGTH;
        list[i] = (uint32_t)i;
    }
    for (size_t d = 0; d < DOCS; d++) {
        logit[d] = (float)rng_normal(&rng);
        grade[d] = rng_uniform(&rng) < 1 / (1 + exp(-(double)logit[d]));
    }
    const struct dataset data = {.lists = LISTS, .docs = DOCS, .qid_text = qids, .qid = qid};
    const struct scoreset set = {.dataset = &data,
                                 .list = list,
                                 .lists = LISTS,
                                 .docs = DOCS,
                                 .offset = offset,
                                 .grade = grade,
                                 .logit = logit};
    const struct calibrate_cross_options options = {-0.5, 3, {5, 2, 0}};
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct calibrate_cross cross;
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = calibrate_cross(&set, &options, &cross, &diag);
        failed = failmalloc_disarm();
        assert_true(nth < 10000);
        if (!failed)
            assert_int_equal(code, STATUS_OK);
        else if (code != STATUS_NO_MEMORY || diag.words[0] == '\0')
            fail_msg("allocation %lu failing gave %s: %s", nth, status_label(code), diag.words);
        if (code == STATUS_OK)
            calibrate_cross_fini(&cross);
    }
    assert_true(nth > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails)};
    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
