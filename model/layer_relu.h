// ReLU, forward and backward (spec/algorithm.md 1.2 and 6.2): derivative 0 at 0. A NaN passes.
#pragma once

#include <stddef.h>

// y = x < 0 ? 0 : x, over `count` numbers; in place allowed
void layer_relu_forward(const float *x, size_t count, float *y);
// grad_x = y > 0 ? g : 0, with y the output of the forward pass, or that output after dropout,
// whose dropped units have no gradient either; in place of g allowed
void layer_relu_backward(const float *g, const float *y, size_t count, float *grad_x);
