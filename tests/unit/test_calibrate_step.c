// PAV against its max-min formula; isotonic knots and the rules of SIR by hand.
#include "base/rng.h"
#include "model/train/calibrate_step.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

enum { MOST = 12 };

// f_i = max over j <= i of min over k >= i of the mean of j..k.
static double max_min(const double *sum, const double *weight, size_t n, size_t i)
{
    double best = -INFINITY;
    for (size_t j = 0; j <= i; j++) {
        double least = INFINITY, total = 0, mass = 0;
        for (size_t k = j; k < n; k++) {
            total += sum[k];
            mass += weight[k];
            if (k >= i)
                least = fmin(least, total / mass);
        }
        best = fmax(best, least);
    }
    return best;
}

static void test_pool(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 5, RNG_TEST, 0, 0);
    for (int round = 0; round < 2000; round++) {
        const size_t n = 1 + rng_below(&rng, MOST);
        double sum[MOST], weight[MOST];
        struct calibrate_step_block blocks[MOST];
        for (size_t i = 0; i < n; i++) {
            weight[i] = (double)(1 + rng_below(&rng, 5));
            sum[i] = (double)rng_below(&rng, (uint64_t)weight[i] + 1);
        }
        const size_t count = calibrate_step_pool(sum, weight, n, blocks);
        assert_int_equal(blocks[count - 1].end, n);
        for (size_t k = 0, i = 0; k < count; k++) {
            const double value = blocks[k].sum / blocks[k].weight;
            assert_true(k == 0 || value > blocks[k - 1].sum / blocks[k - 1].weight);
            for (; i < blocks[k].end; i++)
                near_is(value, max_min(sum, weight, n, i), 1e-14);
        }
    }
}

static void knot_is(const struct calibrate_fit *fit, size_t i, double x, double y)
{
    near_is(fit->map.x[i], x, 1e-15);
    near_is(fit->map.y[i], y, 1e-15);
}

static void test_isotonic(void **state)
{
    (void)state;
    const struct calibrate_point points[] = {
        {-2, 1, false}, {-1, 1, true}, {0, 1, false}, {0, 1, false}, // 0 | 1/3
        {1, 1, true},   {2, 1, false}, {3, 1, true},  {3, 1, true},  // 1/2 | 1
    };
    struct calibrate_fit fit = {0};
    assert_int_equal(calibrate_step_isotonic(points, 8, &fit, NULL), STATUS_OK);
    assert_int_equal(fit.map.kind, CALIBRATE_ISOTONIC);
    assert_int_equal(fit.map.knots, 6);
    knot_is(&fit, 0, -2, 0.1); // clamped to 1/(8+2)
    knot_is(&fit, 1, -1, 1.0 / 3);
    knot_is(&fit, 2, 0, 1.0 / 3);
    knot_is(&fit, 3, 1, 0.5);
    knot_is(&fit, 4, 2, 0.5);
    knot_is(&fit, 5, 3, 0.9);
    assert_int_equal(calibrate_check(&fit.map, NULL), STATUS_OK);
    calibrate_fit_fini(&fit);
    // Weights change the means, not the clamp.
    const struct calibrate_point heavy[] = {{1, 3, false}, {1, 1, true}, {2, 2, true}};
    assert_int_equal(calibrate_step_isotonic(heavy, 3, &fit, NULL), STATUS_OK);
    assert_int_equal(fit.map.knots, 2);
    knot_is(&fit, 0, 1, 0.25);
    knot_is(&fit, 1, 2, 0.8);
    calibrate_fit_fini(&fit);
}

static double logit(double p)
{
    return log(p / (1 - p));
}

// Nine points at p = .1 .. .9; clicks at the places of `clicks`.
static void nine(struct calibrate_point *points, const char *clicks)
{
    for (size_t i = 0; i < 9; i++)
        points[i] = (struct calibrate_point){logit(0.1 * (double)(i + 1)), 1, clicks[i] == '1'};
}

static void test_sir(void **state)
{
    (void)state;
    struct calibrate_point points[9];
    struct calibrate_fit fit = {0};
    // Bins end at floor(9/4) = 2, 4, 6, 9.
    nine(points, "010001110");
    struct calibrate_rules rules = {4, 0, 0};
    assert_int_equal(calibrate_step_sir(points, 9, &rules, &fit, NULL), STATUS_OK);
    assert_int_equal(fit.map.kind, CALIBRATE_SIR);
    assert_int_equal(fit.map.knots, 6);
    knot_is(&fit, 0, 0, 0);
    knot_is(&fit, 1, 0.15, 0.25); // rates 1/2, 0: pooled
    knot_is(&fit, 2, 0.35, 0.25);
    knot_is(&fit, 3, 0.55, 0.5);
    knot_is(&fit, 4, 0.8, 2.0 / 3);
    knot_is(&fit, 5, 1, 1);
    calibrate_fit_fini(&fit);
    // At least one click a bin: 2 | 3..6 | 7..9; with 5 pseudo-impressions at the rate 4/9.
    rules = (struct calibrate_rules){4, 1, 5};
    assert_int_equal(calibrate_step_sir(points, 9, &rules, &fit, NULL), STATUS_OK);
    assert_int_equal(fit.map.knots, 5);
    const double first = (1 + 20.0 / 9) / 7, second = (1 + 20.0 / 9) / 9; // falls: pooled
    knot_is(&fit, 1, 0.15, (2 * first + 4 * second) / 6);
    knot_is(&fit, 2, 0.45, (2 * first + 4 * second) / 6);
    knot_is(&fit, 3, 0.8, (2 + 20.0 / 9) / 8);
    calibrate_fit_fini(&fit);
    // The last bin is unfinished: it joins its predecessor, 1..4 | 5..9.
    nine(points, "110110000");
    rules = (struct calibrate_rules){4, 2, 0};
    assert_int_equal(calibrate_step_sir(points, 9, &rules, &fit, NULL), STATUS_OK);
    assert_string_equal(fit.why != NULL ? fit.why : "none", "none");
    assert_int_equal(fit.map.knots, 4);
    knot_is(&fit, 1, 0.15, 4.0 / 9); // 2/2, 2/7: pooled
    knot_is(&fit, 2, 0.6, 4.0 / 9);
    calibrate_fit_fini(&fit);
}

static void test_sir_ties_and_ends(void **state)
{
    (void)state;
    // Bins of two; the first moves on over a block of equal scores and swallows the second; scores
    // that saturate give centres 0 and 1, where no end point is put beside them.
    const struct calibrate_point points[] = {
        {-800, 1, false}, {-800, 1, true}, {-800, 1, false}, {-800, 1, false},
        {0, 1, false},    {0, 1, true},    {90, 1, true},    {91, 1, false},
    };
    const struct calibrate_rules rules = {4, 0, 0};
    struct calibrate_fit fit = {0};
    assert_int_equal(calibrate_step_sir(points, 8, &rules, &fit, NULL), STATUS_OK);
    assert_int_equal(fit.map.knots, 3);
    knot_is(&fit, 0, 0, 0.25);
    knot_is(&fit, 1, 0.5, 0.5);
    knot_is(&fit, 2, 1, 0.5);
    assert_int_equal(calibrate_check(&fit.map, NULL), STATUS_OK);
    calibrate_fit_fini(&fit);
    // More bins than documents.
    const struct calibrate_rules many = {1000, 0, 0};
    assert_int_equal(calibrate_step_sir(points, 8, &many, &fit, NULL), STATUS_OK);
    assert_int_equal(fit.map.knots, 3); // 90 and 91 are both p = 1: one centre
    calibrate_fit_fini(&fit);
}

static void test_sir_stands_aside(void **state)
{
    (void)state;
    struct calibrate_point points[9];
    struct calibrate_fit fit = {0};
    const struct calibrate_rules rules = {4, 3, 0}, one = {1, 0, 0};
    const char *const clicks[] = {"000000000", "111111111", "010001110"};
    for (int i = 0; i < 3; i++) {
        nine(points, clicks[i]);
        fit = (struct calibrate_fit){0};
        assert_int_equal(calibrate_step_sir(points, 9, &rules, &fit, NULL), STATUS_OK);
        assert_non_null(fit.why);
        assert_non_null(strstr(fit.why, i < 2 ? "one class" : "too few clicks"));
        assert_int_equal(fit.map.kind, CALIBRATE_IDENTITY);
        assert_null(fit.knots);
    }
    assert_int_equal(calibrate_step_sir(points, 9, &one, &fit, NULL), STATUS_OK);
    assert_non_null(fit.why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_isotonic),
        cmocka_unit_test(test_sir),
        cmocka_unit_test(test_sir_ties_and_ends),
        cmocka_unit_test(test_sir_stands_aside),
    };
    return cmocka_run_group_tests_name("calibrate_step", tests, NULL, NULL);
}
