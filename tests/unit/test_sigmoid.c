// Against libm in long double; the promise never to fall, at every seam of the table and at random.
#include "base/rng.h"
#include "model/kernels/sigmoid.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static double error_ulp(double s)
{
    long double exact = 1 / (1 + expl(-(long double)s));
    long double size = fmaxl(exact, (long double)DBL_MIN);
    return (double)(fabsl((long double)sigmoid_of(s) - exact) / ldexpl(1, ilogbl(size) - 52));
}

static void test_accuracy(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 7, RNG_TEST, 0, 0);
    static const double ranges[] = {1e-3, 0.1, 1, 4, 40, 800};
    double worst = 0;
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
        for (int i = 0; i < 200000; i++) {
            double s = (2 * rng_uniform(&rng) - 1) * ranges[r], error = error_ulp(s);
            if (!(error <= 2))
                fail_msg("sigmoid(%a) is %a, %.3f ulp away", s, sigmoid_of(s), error);
            worst = fmax(worst, error);
        }
    printf("sigmoid: at most %.3f ulp from the exact value\n", worst);
}

static void assert_rises_at(double s)
{
    double before = s;
    for (int i = 0; i < 4; i++)
        before = nextafter(before, -INFINITY);
    for (int i = 0; i < 8; i++) {
        double after = nextafter(before, INFINITY);
        if (!(sigmoid_of(before) <= sigmoid_of(after)))
            fail_msg("sigmoid falls from %a to %a", before, after);
        before = after;
    }
}

static void test_never_falls(void **state)
{
    (void)state;
    // ln2 / 32 is the distance of the seams, double is near enough to stand within some ulp of
    // each.
    for (int k = -24000; k <= 35000; k++)
        assert_rises_at(-k * (log(2) / 32));
    struct rng rng;
    rng_start(&rng, 8, RNG_TEST, 0, 0);
    for (int i = 0; i < 200000; i++)
        assert_rises_at((2 * rng_uniform(&rng) - 1) * (i % 2 == 0 ? 750 : 2));
    static const double gates[] = {40, -750, -745.2, -64 * 0.6931471805599453, 0, 1e-17};
    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
        assert_rises_at(gates[i]);
}

static void test_ends(void **state)
{
    (void)state;
    assert_true(sigmoid_of(0) == 0.5);
    assert_true(sigmoid_of(-0.0) == 0.5);
    assert_true(sigmoid_of(0x1p-1074) == 0.5);
    assert_true(sigmoid_of(800) == 1);
    assert_true(sigmoid_of(DBL_MAX) == 1);
    assert_true(sigmoid_of(INFINITY) == 1);
    assert_true(sigmoid_of(-800) == 0);
    assert_true(sigmoid_of(-DBL_MAX) == 0);
    assert_true(sigmoid_of(-INFINITY) == 0);
    assert_true(isnan(sigmoid_of(NAN)));
    // 744 / ln 2 = 1073.365, so exp(-744) is 2^0.635 = 1.55 times the smallest denormal.
    assert_true(sigmoid_of(-744) == 2 * 0x1p-1074);
    assert_true(sigmoid_of(-720) > 0 && sigmoid_of(-720) < DBL_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_never_falls),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
