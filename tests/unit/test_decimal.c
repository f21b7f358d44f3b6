// The fast path of decimals against strtod, bit for bit. Oracle: the C library's strtod.
#include "base/rng.h"
#include "model/train/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static enum status parse(const char *text, double *ret_value, size_t *ret_used)
{
    const char *cursor = text;
    enum status code = decimal_parse(&cursor, text + strlen(text), ret_value);
    *ret_used = (size_t)(cursor - text);
    return code;
}

static void same_as_strtod(const char *text)
{
    double value = 0;
    size_t used;
    char *end;
    double want = strtod(text, &end);
    assert_int_equal(*end, '\0');
    if (parse(text, &value, &used) != STATUS_OK)
        fail_msg("'%s' is refused", text);
    if (bits_of(value) != bits_of(want))
        fail_msg("'%s' gives %a, strtod %a", text, value, want);
    assert_int_equal(used, strlen(text));
}

// Both sides of the fast path's limits, halves, limits of double.
static const char *const hard[] = {
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1",
    "1.",
    ".5",
    "-.5",
    "007",
    "00.10",
    "9007199254740992",
    "9007199254740993",
    "9007199254740991",
    "9007199254740993.0",
    "9007199254740992e22",
    "9007199254740992e-22",
    "1e22",
    "1e23",
    "1e-22",
    "1e-23",
    "1e0",
    "1E5",
    "1e+5",
    "1e-5",
    "123456789012345678901234567890",
    "0.1",
    "0.2",
    "0.3",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "1.79769e308",
    "-1.79769e308",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "4.9e-324",
    "2.4e-324",
    "1e-400",
    "5e-324",
    "0e999",
    "0.000000000000000000000000000000000001",
    "6.02214076e23",
    "100000000000000016777215",
    "100000000000000016777216",
    "3.14159265358979323846264338327950288",
    "0.5000000000000001",
    "4503599627370496.5",
    "4503599627370497.5",
    "9214843084008499",
    "8.988465674311580e307",
    "1e0000000000000001",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709551617",
    "0.00000000000000000001",
    "1.0000000000000000000000000000000000000000000000000000000000000"};

static void hard_decimals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hard) / sizeof(*hard); i++)
        same_as_strtod(hard[i]);
}

// Digits, point and exponent at random: all lengths on both sides of the fast path's limits.
static void random_decimals(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (int i = 0; i < 300000; i++) {
        char text[64];
        size_t at = 0, digits = 1 + (size_t)rng_below(&rng, 22);
        size_t point = (size_t)rng_below(&rng, 2 * digits);
        if (rng_below(&rng, 4) == 0)
            text[at++] = '-';
        for (size_t d = 0; d < digits; d++) {
            if (d == point)
                text[at++] = '.';
            text[at++] = (char)('0' + (int)rng_below(&rng, 10));
        }
        text[at] = '\0';
        if (rng_below(&rng, 3) == 0)
            snprintf(text + at, sizeof(text) - at, "e%d", (int)rng_below(&rng, 61) - 30);
        same_as_strtod(text);
    }
}

static void random_doubles(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 2, RNG_TEST, 0, 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = (uint64_t)rng_u32(&rng) << 32 | rng_u32(&rng);
        double x;
        memcpy(&x, &bits, sizeof(x));
        if (!(x - x == 0))
            continue;
        char text[320];
        snprintf(text, sizeof(text), "%.*g", (int)(1 + rng_below(&rng, 17)), x);
        if (strtod(text, NULL) - strtod(text, NULL) == 0)
            same_as_strtod(text);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",    "-",   "+1",  ".",    "-.",   "e5",    "1e",     "1e+",      "1e-",
        "nan", "NaN", "inf", "-inf", "0x10", "1x",    "1.2.3",  "1,5",      "1e999",
        "--1", "1_0", "1#",  "1:2",  "1d5",  "1e5.0", "-1e999", "infinity", "1e99999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        double value;
        size_t used;
        if (parse(texts[i], &value, &used) == STATUS_OK)
            fail_msg("'%s' is taken as %g", texts[i], value);
        assert_int_equal(used, 0);
    }
}

static void ends_at_a_blank(void **state)
{
    (void)state;
    static const char *const texts[] = {"1.25 7", "1.25\t7", "1.2500000000000000000000 7"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        double value;
        const char *cursor = texts[i];
        assert_int_equal(decimal_parse(&cursor, texts[i] + strlen(texts[i]), &value), STATUS_OK);
        assert_true(value == 1.25);
        assert_int_equal(strlen(cursor), 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hard_decimals),
                                       cmocka_unit_test(random_decimals),
                                       cmocka_unit_test(random_doubles), cmocka_unit_test(refusals),
                                       cmocka_unit_test(ends_at_a_blank)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
