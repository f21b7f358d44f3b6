// Temperature, offset and Platt: fits known by hand, the conditions of their minima, and every
// case in which the identity stands instead.
#include "base/rng.h"
#include "model/train/calibrate_line.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

static double sigma(double z)
{
    return 1 / (1 + exp(-z));
}

// `count` points at s, the first `clicks` of them clicked; returns the number of points so far.
static size_t add(struct calibrate_point *points, size_t n, double s, size_t count, size_t clicks)
{
    for (size_t i = 0; i < count; i++)
        points[n + i] = (struct calibrate_point){s, 1, i < clicks};
    return n + count;
}

static void test_temperature_by_hand(void **state)
{
    (void)state;
    // At s = +-a three of four agree with the sign: sigma(a / T) = 3/4.
    const double sizes[] = {2, 1e-6, 700, 2e5, 1e30};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct calibrate_point points[8];
        struct calibrate map = {0};
        size_t n = add(points, 0, -sizes[i], 4, 1);
        n = add(points, n, sizes[i], 4, 3);
        assert_null(calibrate_line_temperature(points, n, &map));
        assert_int_equal(map.kind, CALIBRATE_TEMPERATURE);
        near_is(map.temperature / (sizes[i] / log(3)), 1, 1e-13);
    }
}

static void test_temperature_stands_aside(void **state)
{
    (void)state;
    struct calibrate_point points[8];
    struct calibrate map = {0};
    size_t n = add(points, 0, -1, 3, 0);
    assert_string_equal(calibrate_line_temperature(points, n, &map), "one class only");
    n = add(points, 0, -1, 3, 3);
    assert_string_equal(calibrate_line_temperature(points, n, &map), "one class only");
    // Separated at 0, equality included; separated elsewhere is no fault.
    n = add(points, 0, -1, 2, 0);
    n = add(points, n, 0, 2, 1);
    n = add(points, n, 1, 2, 2);
    assert_non_null(strstr(calibrate_line_temperature(points, n, &map), "sign"));
    n = add(points, 0, 1, 2, 0);
    n = add(points, n, 2, 2, 2);
    assert_null(calibrate_line_temperature(points, n, &map));
    // Reversed, and exactly undecided: g(0) = sum (1/2 - y) s is above 0, and 0.
    n = add(points, 0, -1, 4, 3);
    n = add(points, n, 1, 4, 1);
    assert_non_null(strstr(calibrate_line_temperature(points, n, &map), "do not order"));
    n = add(points, 0, -1, 2, 1);
    n = add(points, n, 1, 2, 1);
    assert_non_null(strstr(calibrate_line_temperature(points, n, &map), "do not order"));
    n = add(points, 0, 0, 4, 1);
    assert_non_null(strstr(calibrate_line_temperature(points, n, &map), "do not order"));
}

static void test_offset_by_hand(void **state)
{
    (void)state;
    struct calibrate_point points[64];
    struct calibrate map = {0};
    size_t n = add(points, 0, 0.3, 4, 1); // sigma(0.3 + b) = 1/4
    assert_null(calibrate_line_offset(points, n, &map));
    assert_int_equal(map.kind, CALIBRATE_OFFSET);
    near_is(map.intercept, -log(3) - 0.3, 1e-14);
    n = add(points, 0, -2, 2, 0); // by symmetry 0
    n = add(points, n, 2, 2, 2);
    assert_null(calibrate_line_offset(points, n, &map));
    near_is(map.intercept, 0, 1e-15);
    n = add(points, 0, -1000, 5, 0); // those are saturated whatever b is
    n = add(points, n, 10, 10, 2);
    assert_null(calibrate_line_offset(points, n, &map));
    near_is(map.intercept, -log(4) - 10, 1e-13);
    // Far apart: half of the sum must come from one end.
    n = add(points, 0, -500, 1, 0);
    n = add(points, n, 500, 1, 1);
    assert_null(calibrate_line_offset(points, n, &map));
    near_is(sigma(-500 + map.intercept) + sigma(500 + map.intercept), 1, 1e-12);
    n = add(points, 0, 0.3, 4, 0);
    assert_string_equal(calibrate_line_offset(points, n, &map), "one class only");
    n = add(points, 0, 0.3, 4, 4);
    assert_string_equal(calibrate_line_offset(points, n, &map), "one class only");
}

enum { DRAWN = 500 };

static size_t draw(struct calibrate_point *points, uint32_t round)
{
    struct rng rng;
    rng_start(&rng, 4, RNG_TEST, round, 0);
    const double width = exp(2 * rng_normal(&rng)), middle = 2 * rng_normal(&rng);
    const double slope = 0.1 + 2 * rng_uniform(&rng), intercept = rng_normal(&rng);
    for (size_t i = 0; i < DRAWN; i++) {
        const double s = middle + width * rng_normal(&rng);
        points[i] =
            (struct calibrate_point){s, 1, rng_uniform(&rng) < sigma(slope * s + intercept)};
    }
    calibrate_fit_sort(points, DRAWN);
    return DRAWN;
}

// What defines each fit: sums of residuals that vanish there.
static void test_conditions(void **state)
{
    (void)state;
    static struct calibrate_point points[DRAWN];
    size_t fitted[3] = {0};
    for (uint32_t round = 0; round < 50; round++) {
        const size_t n = draw(points, round);
        struct calibrate temperature = {0}, offset = {0}, platt = {0};
        const char *why = NULL;
        const bool has_temperature = calibrate_line_temperature(points, n, &temperature) == NULL;
        const bool has_offset = calibrate_line_offset(points, n, &offset) == NULL;
        assert_int_equal(calibrate_line_platt(points, n, &platt, &why), STATUS_OK);
        double clicks = 0, size = 0, sums[4] = {0};
        for (size_t i = 0; i < n; i++) {
            clicks += points[i].click;
            size += fabs(points[i].s);
        }
        const double one = (clicks + 1) / (clicks + 2), zero = 1 / ((double)n - clicks + 2);
        for (size_t i = 0; i < n; i++) {
            const double s = points[i].s, y = points[i].click ? 1 : 0;
            const double smooth = points[i].click ? one : zero;
            sums[0] += (sigma(s / temperature.temperature) - y) * s;
            sums[1] += sigma(s + offset.intercept) - y;
            sums[2] += sigma(platt.slope * s + platt.intercept) - smooth;
            sums[3] += (sigma(platt.slope * s + platt.intercept) - smooth) * s;
        }
        if (has_temperature)
            near_is(sums[0], 0, 1e-12 * size);
        if (has_offset)
            near_is(sums[1], 0, 1e-11);
        if (why == NULL) {
            near_is(sums[2], 0, 1e-9);
            near_is(sums[3], 0, 1e-10 * size);
            assert_true(platt.slope > 0);
        }
        fitted[0] += has_temperature;
        fitted[1] += has_offset;
        fitted[2] += why == NULL;
    }
    assert_true(fitted[0] > 25 && fitted[1] > 40 && fitted[2] > 40);
}

static void platt_stands_aside(const struct calibrate_point *points, size_t n, const char *words)
{
    struct calibrate map = {0};
    const char *why = NULL;
    assert_int_equal(calibrate_line_platt(points, n, &map, &why), STATUS_OK);
    assert_int_equal(map.kind, CALIBRATE_IDENTITY);
    if (why == NULL || strstr(why, words) == NULL)
        fail_msg("wanted \"%s\", got %s", words, why != NULL ? why : "a fit");
}

static void test_platt_stands_aside(void **state)
{
    (void)state;
    struct calibrate_point points[16];
    size_t n = add(points, 0, 1, 3, 0);
    platt_stands_aside(points, n, "one class");
    n = add(points, 0, 1, 3, 3);
    platt_stands_aside(points, n, "one class");
    n = add(points, 0, 1, 3, 1); // all scores equal
    platt_stands_aside(points, n, "separates");
    n = add(points, 0, 1, 3, 0); // the threshold belongs to both
    n = add(points, n, 2, 3, 1);
    n = add(points, n, 3, 3, 3);
    platt_stands_aside(points, n, "separates");
    n = add(points, 0, 1, 3, 3); // the other way round
    n = add(points, n, 2, 3, 0);
    platt_stands_aside(points, n, "separates");
    n = add(points, 0, -1, 6, 4);
    n = add(points, n, 1, 6, 2);
    platt_stands_aside(points, n, "do not order");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_temperature_by_hand), cmocka_unit_test(test_temperature_stands_aside),
        cmocka_unit_test(test_offset_by_hand),      cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_platt_stands_aside),
    };
    return cmocka_run_group_tests_name("calibrate_line", tests, NULL, NULL);
}
