// Central differences in double: the oracle of gradient tests.
#pragma once

#include <stddef.h>

typedef double (*numeric_function)(void *context, const double *x);

// d f / d x[i] at x (count), by steps of 1e-5; x is changed and restored. gradient (count).
void numeric_gradient(numeric_function f, void *context, double *x, size_t count, double *gradient);
// Fails the running test where |got - want| > tolerance * max(1, largest |want|), with the name.
void numeric_is_close(const char *name, const float *got, const double *want, size_t count,
                      double tolerance);
// Numbers about 0 with deviation `scale`, exact in float, equal for equal `stream`; and their
// copy in double.
void numeric_fill(unsigned stream, double scale, float *values, double *wide, size_t count);
