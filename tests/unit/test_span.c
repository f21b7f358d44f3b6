#include "base/span.h"
#include "tests/support/check.h"

static void test_equality_and_order(void **state)
{
    (void)state;
    struct span nothing = span_of(NULL), empty = span_of("");
    assert_int_equal(nothing.size, 0);
    assert_true(span_equal(nothing, empty));
    assert_true(span_is(nothing, ""));
    assert_true(span_is((struct span){"abcdef", 3}, "abc"));
    assert_false(span_is((struct span){"abcdef", 3}, "abcd"));
    assert_false(span_is((struct span){"abc\0d", 5}, "abc"));
    assert_true(span_compare(span_of("ab"), span_of("abc")) < 0);
    assert_true(span_compare(span_of("b"), span_of("abc")) > 0);
    assert_true(span_compare(span_of("a\xC3"), span_of("az")) > 0); // bytes are unsigned
    assert_int_equal(span_compare(nothing, empty), 0);
    assert_true(span_compare(nothing, span_of("a")) < 0);
}

static void test_trim_and_prefix(void **state)
{
    (void)state;
    assert_true(span_is(span_trim(span_of(" \t a b\t ")), "a b"));
    assert_int_equal(span_trim(span_of(" \t ")).size, 0);
    assert_int_equal(span_trim(span_of(NULL)).size, 0);
    assert_true(span_is(span_trim(span_of("\na")), "\na"));
    assert_true(span_starts(span_of("abc"), "ab"));
    assert_true(span_starts(span_of("abc"), ""));
    assert_false(span_starts(span_of("ab"), "abc"));
    assert_false(span_starts(span_of("xbc"), "ab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality_and_order),
        cmocka_unit_test(test_trim_and_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
