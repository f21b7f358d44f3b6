#include "base/num.h"
#include "tests/support/check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static void test_integers(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "1e3",
                                      "--1",
                                      "1-",
                                      "1_0",
                                      "\xD9\xA1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616"};
    int64_t value = 7;
    uint64_t natural = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(num_parse_i64(span_of(bad[i]), &value), STATUS_INVALID);
        assert_true(value == 7); // untouched
    }
    assert_int_equal(num_parse_i64(span_of("9223372036854775807"), &value), STATUS_OK);
    assert_true(value == INT64_MAX);
    assert_int_equal(num_parse_i64(span_of("-9223372036854775808"), &value), STATUS_OK);
    assert_true(value == INT64_MIN);
    assert_int_equal(num_parse_i64(span_of("-007"), &value), STATUS_OK);
    assert_true(value == -7);
    assert_int_equal(num_parse_u64(span_of("18446744073709551615"), &natural), STATUS_OK);
    assert_true(natural == UINT64_MAX);
    assert_int_equal(num_parse_u64(span_of("18446744073709551616"), &natural), STATUS_INVALID);
    assert_int_equal(num_parse_u64(span_of("-1"), &natural), STATUS_INVALID);
    assert_int_equal(num_parse_i64((struct span){"12", 1}, &value), STATUS_OK);
    assert_true(value == 1);
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"-0", -0.0},
                {"1.", 1},
                {".5", 0.5},
                {"-1.5e3", -1500},
                {"1E+2", 100},
                {"1e-400", 0},
                {"007", 7},
                {"0.1", 0.1},
                {"5e-324", 5e-324},
                {"1.7976931348623157e308", DBL_MAX}};
    static const char *const bad[] = {"",    ".",     "-",      "+1", "1e",       "1e+",   "nan",
                                      "inf", "Inf",   "0x1p3",  "1 ", " 1",       "1,5",   "1.2.3",
                                      "e5",  "1e309", "-1e999", "1f", "infinity", "1e5.0", "-.e1"};
    double value;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(num_parse_double(span_of(good[i].text), &value), STATUS_OK);
        assert_memory_equal(&value, &good[i].value, sizeof(value));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(num_parse_double(span_of(bad[i]), &value), STATUS_INVALID);
    assert_int_equal(num_parse_double((struct span){"1.5x", 3}, &value), STATUS_OK);
    assert_true(value == 1.5);
    char large[300]; // longer than the buffer on the stack
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = i == 1 ? '.' : '3';
    assert_int_equal(num_parse_double((struct span){large, sizeof(large)}, &value), STATUS_OK);
    assert_true(value == 10.0 / 3);
}

static void test_sizes(void **state)
{
    (void)state;
    size_t r;
    assert_true(num_add(SIZE_MAX - 1, 1, &r));
    assert_true(r == SIZE_MAX);
    assert_false(num_add(SIZE_MAX, 1, &r));
    assert_true(num_mul(SIZE_MAX / 3, 3, &r));
    assert_false(num_mul(SIZE_MAX / 2 + 1, 2, &r));
    assert_true(num_mul(0, SIZE_MAX, &r));
    assert_int_equal(r, 0);
    assert_int_equal(num_round_up(0, 64), 0);
    assert_int_equal(num_round_up(1, 64), 64);
    assert_int_equal(num_round_up(64, 64), 64);
    assert_int_equal(num_round_up(7, 3), 9);
}

static void test_double_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1000, "1000"},
                 {-10, "-10"},
                 {0.1, "0.1"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e22, "1e+22"},
                 {0.005, "0.005"},
                 {123456.75, "123456.75"},
                 {1e-7, "1e-07"},
                 {INFINITY, "inf"},
                 {-INFINITY, "-inf"},
                 {NAN, "nan"}};
    char text[NUM_DOUBLE_TEXT];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(num_double_text(cases[i].value, text), cases[i].text);
    static const double exact[] = {DBL_MAX, DBL_MIN, 5e-324, -1.0000000000000002,
                                   9007199254740993.0};
    for (size_t i = 0; i < sizeof(exact) / sizeof(*exact); i++)
        assert_true(strtod(num_double_text(exact[i], text), NULL) == exact[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_double_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
