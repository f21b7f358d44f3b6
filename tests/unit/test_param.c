// Names and places of tensors in one block.
#include "model/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void tensors_are_aligned_and_apart(void **state)
{
    (void)state;
    struct param_set set = {0};
    assert_int_equal(param_declare(&set, "hidden.0.weight", 3, 7, true), 0);
    assert_int_equal(param_declare(&set, "hidden.0.gamma", 1, 16, false), 1);
    assert_int_equal(param_declare(&set, "out.bias", 1, 1, false), 2);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.views[0].offset, 0);
    assert_int_equal(set.views[1].offset, 32); // 21 floats, up to a multiple of 16
    assert_int_equal(set.views[2].offset, 48); // 16 floats need no gap
    assert_int_equal(set.floats, 64);
    assert_string_equal(set.views[0].name, "hidden.0.weight");
    assert_int_equal(set.views[0].rows, 3);
    assert_int_equal(set.views[0].columns, 7);
    assert_true(set.views[0].weight);
    assert_false(set.views[1].weight);
}

static void there_is_room_for_all(void **state)
{
    (void)state;
    static struct param_set set;
    for (size_t i = 0; i < PARAM_MAX; i++)
        assert_int_equal(param_declare(&set, "x", 1, 1, false), i);
    assert_int_equal(set.floats, 16 * PARAM_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_aligned_and_apart),
        cmocka_unit_test(there_is_room_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
