// PReLU with one kappa per unit, forward and backward (spec/algorithm.md 1.2), over some rows. A
// NaN passes.
//
//   y = max(0, x) + kappa min(0, x)      dx = x > 0 ? g : kappa g      dkappa = sum g min(0, x)
#pragma once

#include <stddef.h>

#define LAYER_PRELU_KAPPA 0.25F // at the start

struct layer_prelu {
    size_t units;
    const float *kappa; // (units)
};

// x (n, units) -> y (n, units), not in place
void layer_prelu_forward(const struct layer_prelu *prelu, const float *x, size_t n, float *y);
// g (n, units) in place from the gradient of y to that of x; x (n, units) of the forward pass; adds
// the gradient of kappa to sum_kappa (units)
void layer_prelu_backward(const struct layer_prelu *prelu, float *g, const float *x, size_t n,
                          double *sum_kappa);
