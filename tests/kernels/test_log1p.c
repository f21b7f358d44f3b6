// The scalar kernel against libm's log1p in double; the other sets against the scalar one, bit for
// bit.
#include "model/kernels/kernels.h"
#include "tests/support/floats.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

// |got - exact| in units of the last place of a float at `exact`.
static double error_ulp(float got, double exact)
{
    double size = fmax(fabs(exact), (double)FLT_MIN);
    return fabs((double)got - exact) / ldexp(1, ilogb(size) - 23);
}

// Returns the largest error of the scalar set in ulp.
static double check_chunk(const float *x, size_t n)
{
    float want[1024], got[1024];
    double worst = 0;
    kernels_at(0)->log1p(x, n, want);
    for (size_t i = 0; i < n; i++) {
        double exact = copysign(log1p(fabs((double)x[i])), (double)x[i]);
        double error = error_ulp(want[i], exact);
        if (!(error <= 2))
            fail_msg("log1p(%a) is %a, %.2f ulp from %a", (double)x[i], (double)want[i], error,
                     exact);
        worst = error > worst ? error : worst;
    }
    for (size_t s = 1; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        kernels_at(s)->log1p(x, n, got);
        size_t at = floats_differ(want, got, n);
        if (at < n)
            fail_msg("%s: log1p(%a) is %a, not %a", kernels_at(s)->name, (double)x[at],
                     (double)got[at], (double)want[at]);
    }
    return worst;
}

// All of [-1e38, 1e6] in strides: every binade, thousands of points in each.
static void test_range(void **state)
{
    (void)state;
    float x[1000];
    uint32_t next = 0, step = 2003, last = bits_of(1e38F);
    double worst = 0;
    while (next < last) {
        size_t n = 0;
        for (; n + 1 < 1000 && next < last; next += step) {
            x[n++] = -float_of(next);
            if (float_of(next) <= 1e6F)
                x[n++] = float_of(next);
        }
        worst = fmax(worst, check_chunk(x, n));
    }
    printf("log1p: at most %.3f ulp from the exact value\n", worst);
}

// Where the reduction changes its branch: 2^k * sqrt(1/2) - 1, and where 1 + x begins to lose x.
static void test_seams(void **state)
{
    (void)state;
    for (int k = 0; k <= 126; k++) {
        const double seams[] = {ldexp(sqrt(0.5), k) - 1, ldexp(1, k) - 1, ldexp(1, k)};
        for (size_t i = 0; i < 3; i++) {
            float x[257];
            uint32_t middle = bits_of((float)fabs(seams[i]));
            for (uint32_t d = 0; d < 257; d++)
                x[d] = float_of(middle > 128 ? middle + d - 128 : d);
            (void)check_chunk(x, 257);
        }
    }
}

static void test_exact_values(void **state)
{
    (void)state;
    static const float x[] = {0,           -0.0F,  0x1p-149F, -0x1p-149F, 0x1p-126F,
                              -0x1.8p-30F, 1e-10F, INFINITY,  -INFINITY,  NAN};
    enum { COUNT = sizeof(x) / sizeof(x[0]) };
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        float y[COUNT];
        kernels_at(s)->log1p(x, COUNT, y);
        assert_int_equal(floats_differ(x, y, COUNT), COUNT);
    }
}

static void test_every_length_in_place(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 33; n++) {
        float *x = floats_odd(n), *want = floats_odd(n + 1), *got = floats_odd(n + 1);
        floats_fill(x, n, n, FLOATS_WILD);
        want[n] = got[n] = 7; // must not be written
        kernels_at(0)->log1p(x, n, want);
        for (size_t s = 0; s < kernels_count(); s++) {
            if (!kernels_runnable(s))
                continue;
            for (size_t i = 0; i < n; i++)
                got[i] = x[i];
            kernels_at(s)->log1p(got, n, got);
            assert_int_equal(floats_differ(want, got, n + 1), n + 1);
        }
        floats_free(x);
        floats_free(want);
        floats_free(got);
    }
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_exact_values),
        cmocka_unit_test(test_every_length_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
