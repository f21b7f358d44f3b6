// A vocabulary made with the n-th allocation failing, for every n: an error with words, no leak.
#include "proto/vocab.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"

static void making_fails(void **state)
{
    (void)state;
    static const uint64_t offset[] = {0, 1, 2};
    static const enum failmalloc_mode modes[] = {FAILMALLOC_ONCE, FAILMALLOC_SINCE};
    for (size_t i = 0; i < 2; i++) {
        unsigned long nth = 0;
        for (bool failed = true; failed;) {
            struct vocab *vocab;
            struct diag diag = {0};
            failmalloc_arm(++nth, modes[i]);
            enum status code = vocab_new("ab", offset, 2, &vocab, &diag);
            failed = failmalloc_disarm();
            assert_true(nth < 100);
            assert_int_equal(code, failed ? STATUS_NO_MEMORY : STATUS_OK);
            assert_true((diag.words[0] != '\0') == failed);
            assert_true((vocab == NULL) == failed);
            vocab_free(vocab);
        }
        assert_int_equal(nth, 2 + 1); // itself, slots
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(making_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
