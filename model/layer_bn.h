// Batch norm over the rows of a minibatch, forward and backward (spec/algorithm.md 6.2), in pieces
// that a shard can do: sums per shard in double, which the caller adds in shard order, then a pass
// over the rows. Units (columns) are independent of each other. gamma and beta may be NULL: no
// affine part.
//
//   forward    sum -> mean -> centred -> var -> normalise      xhat = (x - mean) / sqrt(var + eps)
//                                                              y = gamma xhat + beta
//   backward   sum -> input                                    dbeta = sum g, dgamma = sum g xhat
//              dx = gamma / sqrt(var + eps) (g - dbeta / n - xhat dgamma / n)
//
// The variance comes from a second pass around the mean, so that a large mean does not cancel.
#pragma once

#include <stddef.h>

#define LAYER_BN_EPSILON 1e-5
#define LAYER_BN_MOMENTUM 0.1

// What normalises: of a minibatch, or of the running statistics. The caller owns the arrays
// (units).
struct layer_bn {
    size_t units;
    const float *gamma, *beta;   // or NULL
    double *mean, *var;          // biased variance
    float *mean_high, *mean_low; // the mean in two floats: x - high - low keeps its digits
    float *inverse;              // 1 / sqrt(var + eps)
};

// x (n, units) -> sum (units), overwritten
void layer_bn_forward_sum(const struct layer_bn *bn, const float *x, size_t n, double *sum);
// x (n, units) -> sum of (x - mean)^2 (units), overwritten; after bn->mean was set
void layer_bn_forward_centred(const struct layer_bn *bn, const float *x, size_t n, double *sum);
// mean_high, mean_low and inverse from mean and var
void layer_bn_prepare(struct layer_bn *bn);
// x (n, units) -> y (n, units), not in place
void layer_bn_forward_normalise(const struct layer_bn *bn, const float *x, size_t n, float *y);
// running <- .9 running + .1 batch, the running variance with n - 1; n >= 2 rows in the minibatch
void layer_bn_running(const struct layer_bn *bn, size_t n, float *running_mean, float *running_var);

// g, x (n, units) -> sum_g, sum_gx (units): adds g and g xhat to them
void layer_bn_backward_sum(const struct layer_bn *bn, const float *g, const float *x, size_t n,
                           double *sum_g, double *sum_gx);
// g (n, units) in place from the gradient of y to that of x; x (n, units); the means of g and g
// xhat over the whole minibatch (units)
void layer_bn_backward_input(const struct layer_bn *bn, float *g, const float *x, size_t n,
                             const float *mean_g, const float *mean_gx);
