// Privileged features of a document made from its page (spec/algorithm.md 5, ctx = loo_mean_std).
//
// Computed over the whole list, before any filtering or sub-sampling; no labels, no scores. Pure,
// threads as you like. Another order of the documents gives the same features up to the last bit of
// the float (the sums in double run in the order given).
#pragma once

#include <stddef.h>

// g (n, F) with row stride g_stride: transformed features of one whole list, n >= 1. c (n, 2F + 1)
// with row stride c_stride: mean of the other documents; deviation of all n (divisor n, two-pass);
// log(1 + n). In double, rounded to float once. n = 1: zeros and log 2. scratch: 2F doubles.
void pagectx_fill(const float *g, size_t n, size_t width, size_t g_stride, float *c,
                  size_t c_stride, double *scratch);
size_t pagectx_width(size_t width); // 2F + 1
