// The paired bootstrap against what is known of resampled means.
#include "model/train/results_bootstrap.h"

#include "tests/support/check.h"

#include <math.h>

static struct results_bootstrap drawn(const double *values, size_t n)
{
    struct results_bootstrap result;
    assert_int_equal(results_bootstrap(values, n, &result), STATUS_OK);
    assert_int_equal(result.lists, n);
    return result;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.17g, want %.17g", got, want);
}

static void few_lists(void **state)
{
    (void)state;
    struct results_bootstrap result = drawn(NULL, 0);
    assert_true(isnan(result.mean) && isnan(result.low) && isnan(result.high));
    result = drawn((double[]){.25}, 1);
    near(result.mean, .25, 0);
    near(result.low, .25, 0);
    near(result.high, .25, 0);
    // Means of two draws of {0, 1} are 0, .5 and 1 with chances of 1/4, 1/2, 1/4.
    result = drawn((double[]){0, 1}, 2);
    near(result.mean, .5, 0);
    near(result.low, 0, 0);
    near(result.high, 1, 0);
}

// 400 values +1 and -1: the resampled mean has a deviation of 1/20, and 95 % of it lie within
// 1.96/20 = .098. The percentile of 2000 resamples is good to about .05 * .06.
static void many_lists(void **state)
{
    (void)state;
    enum { LISTS = 400 };
    double values[LISTS];
    for (size_t i = 0; i < LISTS; i++)
        values[i] = i % 2 == 0 ? 1 : -1;
    const struct results_bootstrap result = drawn(values, LISTS);
    near(result.mean, 0, 0);
    near(result.low, -.098, .012);
    near(result.high, .098, .012);
    const struct results_bootstrap again = drawn(values, LISTS);
    near(again.low, result.low, 0);
    near(again.high, result.high, 0);
    for (size_t i = 0; i < LISTS; i++)
        values[i] = 3 + 2 * values[i];
    const struct results_bootstrap moved = drawn(values, LISTS);
    near(moved.mean, 3, 1e-12);
    near(moved.low, 3 + 2 * result.low, 1e-12);
    near(moved.high, 3 + 2 * result.high, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_lists),
        cmocka_unit_test(many_lists),
    };
    return cmocka_run_group_tests_name("results_bootstrap", tests, NULL, NULL);
}
