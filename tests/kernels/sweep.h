// A kernel that is a function of one float: the scalar set against its exact value in double, the
// other sets against the scalar one, bit for bit.
#pragma once

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

struct sweep {
    const char *name;
    void (*run)(const struct kernels *set, const float *x, size_t n, float *y);
    double (*exact)(double x);
    double ulp; // the scalar set is as near as this
};

static inline float sweep_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline uint32_t sweep_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

// |got - exact| in units of the last place of a float at `exact`, of the smallest normal one below.
static inline double sweep_error_ulp(float got, double exact)
{
    double size = fmax(fabs(exact), (double)FLT_MIN);
    return fabs((double)got - exact) / ldexp(1, ilogb(size) - 23);
}

static inline void sweep_compare(const struct sweep *sweep, const float *x, const float *want,
                                 size_t n)
{
    float got[1024];
    for (size_t s = 1; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        sweep->run(kernels_at(s), x, n, got);
        size_t at = floats_differ(want, got, n);
        if (at < n)
            fail_msg("%s: %s(%a) is %a, not %a", kernels_at(s)->name, sweep->name, (double)x[at],
                     (double)got[at], (double)want[at]);
    }
}

// x (n <= 1024). Returns the largest error of the scalar set in ulp.
static inline double sweep_check(const struct sweep *sweep, const float *x, size_t n)
{
    float want[1024];
    double worst = 0;
    sweep->run(kernels_at(0), x, n, want);
    for (size_t i = 0; i < n; i++) {
        double exact = sweep->exact((double)x[i]);
        double error = sweep_error_ulp(want[i], exact);
        if (!(error <= sweep->ulp))
            fail_msg("%s(%a) is %a, %.2f ulp from %a", sweep->name, (double)x[i], (double)want[i],
                     error, exact);
        worst = error > worst ? error : worst;
    }
    sweep_compare(sweep, x, want, n);
    return worst;
}

// Every `step`-th float from +0 to `last` times `sign`.
static inline void sweep_range(const struct sweep *sweep, float sign, float last, uint32_t step)
{
    float x[1000];
    uint32_t next = 0, end = sweep_bits_of(last);
    double worst = 0;
    while (next < end) {
        size_t n = 0;
        for (; n < 1000 && next < end; next += step)
            x[n++] = sign * sweep_float_of(next);
        worst = fmax(worst, sweep_check(sweep, x, n));
    }
    printf("%s from %g to %g: at most %.3f ulp from the exact value\n", sweep->name,
           (double)(sign * 0), (double)(sign * last), worst);
}

// 128 floats to each side of x.
static inline void sweep_around(const struct sweep *sweep, float middle)
{
    float x[257];
    for (uint32_t d = 0; d < 257; d++)
        x[d] = sweep_float_of(sweep_bits_of(middle) + d - 128);
    (void)sweep_check(sweep, x, 257);
}

static inline void sweep_every_length_in_place(const struct sweep *sweep)
{
    for (size_t n = 0; n <= 33; n++) {
        float *x = floats_odd(n), *want = floats_odd(n + 1), *got = floats_odd(n + 1);
        floats_fill(x, n, n, FLOATS_WILD);
        for (size_t i = 0; i < n; i++)
            x[i] = -fabsf(x[i]);
        want[n] = got[n] = 7; // must not be written
        sweep->run(kernels_at(0), x, n, want);
        for (size_t s = 0; s < kernels_count(); s++) {
            if (!kernels_runnable(s))
                continue;
            for (size_t i = 0; i < n; i++)
                got[i] = x[i];
            sweep->run(kernels_at(s), got, n, got);
            assert_int_equal(floats_differ(want, got, n + 1), n + 1);
        }
        floats_free(x);
        floats_free(want);
        floats_free(got);
    }
}

// Results that are known without an error.
static inline void sweep_values(const struct sweep *sweep, const float *x, const float *want,
                                size_t n)
{
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        float got[64];
        assert_true(n <= 64);
        sweep->run(kernels_at(s), x, n, got);
        size_t at = floats_differ(want, got, n);
        if (at < n)
            fail_msg("%s: %s(%a) is %a, not %a", kernels_at(s)->name, sweep->name, (double)x[at],
                     (double)got[at], (double)want[at]);
    }
}
