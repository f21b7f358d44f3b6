// ReLU, forward and backward (spec/algorithm.md 1.2 and 6.2): derivative 0 at 0. A NaN passes. In
// place.
#pragma once

#include <stddef.h>

// x <- x < 0 ? 0 : x, over `count` numbers
void layer_relu_forward(float *x, size_t count);
// g <- y > 0 ? g : 0, with y the output of the forward pass, or that output after dropout, whose
// dropped units have no gradient either
void layer_relu_backward(float *g, const float *y, size_t count);
