// base/hist: quantiles against sorted values.
#include "base/hist.h"
#include "base/rng.h"
#include "tests/support/check.h"

#include <stdlib.h>

enum { COUNT = 20000 };

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_quantiles_are_near_and_never_too_small(void **state)
{
    (void)state;
    static struct hist hist, half, other;
    static uint64_t values[COUNT];
    static const double shares[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 1};
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = rng_u32(&rng) >> rng_below(&rng, 32); // all magnitudes
        hist_add(&hist, values[i]);
        hist_add(i % 2 == 0 ? &half : &other, values[i]);
    }
    hist_merge(&half, &other);
    qsort(values, COUNT, sizeof(*values), by_value);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        size_t rank = (size_t)(shares[i] * COUNT);
        uint64_t exact = values[rank > 0 ? rank - 1 : 0], seen = hist_quantile(&hist, shares[i]);
        assert_true(seen >= exact && seen - exact <= exact / HIST_HALF + 1);
        assert_int_equal(hist_quantile(&half, shares[i]), seen);
    }
    assert_int_equal(hist_quantile(&hist, 1), values[COUNT - 1]);
    assert_int_equal(half.count, COUNT);
}

static void test_the_ends(void **state)
{
    (void)state;
    static struct hist hist;
    assert_int_equal(hist_quantile(&hist, 0.5), 0);
    hist_add(&hist, UINT64_MAX);
    hist_add(&hist, 0);
    assert_int_equal(hist_quantile(&hist, 0.5), 0);
    assert_true(hist_quantile(&hist, 1) == UINT64_MAX);
    assert_true(hist.most == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_are_near_and_never_too_small),
        cmocka_unit_test(test_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
