// Dice with one kappa per unit, forward and backward (spec/algorithm.md 1.2), in the pieces of
// batch norm: sums per shard in double, which the caller adds in shard order, then a pass over the
// rows. What standardises is a layer_bn without gamma and beta; its sums and its memory serve here
// too.
//
//   forward    layer_bn_forward_sum -> mean -> layer_bn_forward_centred -> var -> prepare ->
//   forward
//              xhat = (x - mean) / sqrt(var + eps), p = sigma(xhat), y = x (kappa + (1 - kappa) p)
//   backward   sum -> input        h = g x (1 - kappa) p (1 - p), dkappa = sum g x (1 - p)
//              dx = g (kappa + (1 - kappa) p) + (h - mean h - xhat mean(h xhat)) / sqrt(var + eps)
//
// A minibatch of one row has var = 0 and xhat = 0: it gives numbers, but none for the running
// variance.
#pragma once

#include "model/layer_bn.h"

#include <stddef.h>

#define LAYER_DICE_EPSILON 1e-9
#define LAYER_DICE_MOMENTUM 0.01
#define LAYER_DICE_KAPPA 0.0F // at the start

struct layer_dice {
    struct layer_bn bn;
    const float *kappa; // (bn.units)
};

// Sums over rows on the way back, each (units), all added to.
struct layer_dice_sums {
    double *h, *hx, *kappa; // h, h xhat, g x (1 - p)
};

// mean_high, mean_low and inverse of dice->bn from its mean and var
void layer_dice_prepare(struct layer_dice *dice);
// running <- .99 running + .01 batch, the running variance with n - 1; n < 2: nothing
void layer_dice_running(const struct layer_dice *dice, size_t n, float *running_mean,
                        float *running_var);
// x (n, units) -> y (n, units), not in place
void layer_dice_forward(const struct layer_dice *dice, const float *x, size_t n, float *y);
// g = gradient of y, x (n, units) of the forward pass
void layer_dice_backward_sum(const struct layer_dice *dice, const float *g, const float *x,
                             size_t n, const struct layer_dice_sums *sums);
// g (n, units) in place from the gradient of y to that of x; the means of h and h xhat over the
// whole minibatch (units)
void layer_dice_backward_input(const struct layer_dice *dice, float *g, const float *x, size_t n,
                               const float *mean_h, const float *mean_hx);
