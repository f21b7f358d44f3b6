#include "tests/support/numeric.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void numeric_gradient(numeric_function f, void *context, double *x, size_t count, double *gradient)
{
    const double step = 1e-5;
    for (size_t i = 0; i < count; i++) {
        double held = x[i];
        x[i] = held + step;
        double above = f(context, x);
        x[i] = held - step;
        double below = f(context, x);
        x[i] = held;
        gradient[i] = (above - below) / (2 * step);
    }
}

void numeric_is_close(const char *name, const float *got, const double *want, size_t count,
                      double tolerance)
{
    double scale = 1;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance * scale))
            fail_msg("%s[%zu]: got %.9g, want %.9g, allowed %.3g", name, i, (double)got[i], want[i],
                     tolerance * scale);
}

void numeric_fill(unsigned stream, double scale, float *values, double *wide, size_t count)
{
    struct rng rng;
    rng_start(&rng, 7, RNG_TEST, stream, 0);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(scale * rng_normal(&rng));
        wide[i] = (double)values[i];
    }
}
