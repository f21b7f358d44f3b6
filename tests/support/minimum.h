// The minimum of a smooth function of a few numbers, for tests: Newton's method with a Hessian of
// differences and steps that are halved until the value falls.
#pragma once

#include <stddef.h>

enum { MINIMUM_MOST = 8 }; // numbers

// The value at x (n); fills the gradient (n).
typedef double (*minimum_function)(void *context, const double *x, double *grad);
// From x to the minimum, in place; returns the value there.
double minimum_find(minimum_function function, void *context, double *x, size_t n);
