// The linear layer y = x W^T + b, forward and backward (spec/algorithm.md 6.2), for the rows of one
// shard. W is (out, in) row-major; all matrices are dense, without padding between rows.
//
// The caller owns all memory; any number of threads may work on different shards at once. Weight
// gradients and row sums are of the shard alone: who has several adds them, in shard order.
#pragma once

#include <stddef.h>

struct layer_linear {
    size_t in, out;
    const float *weight; // (out, in)
    const float *bias;   // (out), NULL: none, where batch norm follows
};

// x (n, in) -> y (n, out)
void layer_linear_forward(const struct layer_linear *layer, const float *x, size_t n, float *y);
// g (n, out) = d loss / d y -> grad_x (n, in), overwritten
void layer_linear_backward_input(const struct layer_linear *layer, const float *g, size_t n,
                                 float *grad_x);
// g (n, out), x (n, in) -> grad_weight (out, in), overwritten; bias_sum (out) in double,
// overwritten, NULL for a layer without bias
void layer_linear_backward_weight(const struct layer_linear *layer, const float *g, const float *x,
                                  size_t n, float *grad_weight, double *bias_sum);
