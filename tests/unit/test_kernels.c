#include "model/kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// A new row of kernels.def is tested by this list of all rows, a new operation by that of all
// operations.
static void test_tables_are_complete(void **state)
{
    (void)state;
    static const char *const names[] = {
#define KERNELS_SET(set, ...) #set,
#include "model/kernels/kernels.def"
    };
    assert_int_equal(kernels_count(), sizeof(names) / sizeof(names[0]));
    for (size_t s = 0; s < sizeof(names) / sizeof(names[0]); s++) {
        assert_string_equal(kernels_at(s)->name, names[s]);
#define KERNELS_OP(op) assert_non_null(kernels_at(s)->op);
#include "model/kernels/kernels.def"
    }
    assert_string_equal(names[0], "scalar");
    assert_true(kernels_runnable(0));
}

static void test_forced_choice(void **state)
{
    (void)state;
    for (size_t s = 0; s < kernels_count(); s++) {
        const struct kernels *chosen = NULL;
        struct diag diag = {0};
        enum status status = kernels_choose(kernels_at(s)->name, &chosen, &diag);
        if (kernels_runnable(s)) {
            assert_int_equal(status, STATUS_OK);
            assert_ptr_equal(chosen, kernels_at(s));
        } else {
            assert_int_equal(status, STATUS_CONFIG);
            assert_null(chosen);
            assert_non_null(strstr(diag.words, kernels_at(s)->name));
        }
    }
}

static void test_auto_takes_the_last_runnable(void **state)
{
    (void)state;
    const struct kernels *best = NULL, *chosen = NULL;
    for (size_t s = 0; s < kernels_count(); s++)
        if (kernels_runnable(s))
            best = kernels_at(s);
    assert_int_equal(kernels_choose("auto", &chosen, NULL), STATUS_OK);
    assert_ptr_equal(chosen, best);
}

static void test_unknown_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "sse9", "AVX2", "avx2 ", "scalar,avx2"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct kernels *chosen = NULL;
        struct diag diag = {0};
        assert_int_equal(kernels_choose(wrong[i], &chosen, &diag), STATUS_CONFIG);
        assert_null(chosen);
        assert_non_null(strstr(diag.words, "scalar"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_are_complete),
        cmocka_unit_test(test_forced_choice),
        cmocka_unit_test(test_auto_takes_the_last_runnable),
        cmocka_unit_test(test_unknown_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
