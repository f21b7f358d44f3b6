// One stage of the network that learns: what stands around linear layer k, and its work on some
// rows.
//
//   before (n, in) -> [BN] -> [ReLU] -> [dropout] -> x (n, in) -> linear -> z (n, out)
//
// `before` is the network's input (k = 0) or z of the stage in front. Stage 0 has no ReLU, the last
// one no dropout. Rows begin .. end-1 are one shard's; shards may run at once. Memory belongs to
// net_train.c. Nothing here allocates or waits. spec/algorithm.md 6.2.
#pragma once

#include "base/status.h"
#include "model/layer_bn.h"
#include "model/layer_dropout.h"
#include "model/layer_linear.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_layer;

// Where the tensors of a stage begin in the parameters and in the running statistics, floats.
// gamma, beta, mean and var are those of the BN in front of the linear layer.
struct net_slots {
    size_t weight, bias, gamma, beta, mean, var;
};

struct net_stage {
    struct layer_linear linear;
    struct layer_bn bn; // units = linear.in, or 0: none
    struct net_slots slots;
    bool relu;
    const float *before;               // (max_rows, in)
    uint8_t *mask;                     // (max_rows, in), NULL: no dropout
    float *x;                          // (max_rows, in)
    float *z;                          // (max_rows, out)
    uint32_t dropout_block;            // see layer_dropout_mask
    float *running_mean, *running_var; // (in), of bn
    float *fold_weight, *fold_bias;    // (out, in), (out): the serving form
};

// Xavier normal weights, bias uniform within 1/sqrt(in), BN 1 and 0, running statistics 0 and 1.
// The numbers depend on seed and k alone.
void net_stage_init(struct net_stage *stage, uint64_t seed, size_t k, float *values);
// The input of the linear layer: x from before; with `drop` by the mask, at `rate`.
void net_stage_activate(const struct net_stage *stage, size_t begin, size_t end, bool drop,
                        double rate);
// z from x
void net_stage_linear(const struct net_stage *stage, size_t begin, size_t end);
// From g = d loss / d z (n, out) to h = the gradient behind BN (n, in), that is through dropout and
// ReLU; adds the BN sums of these rows: sum_g, sum_gx (in).
void net_stage_backward(const struct net_stage *stage, size_t begin, size_t end, double rate,
                        const float *g, float *h, double *sum_g, double *sum_gx);
// The linear layer in evaluation mode with `stage`'s BN if it is the input's, and that of `next`
// (NULL: none), as weight (out, in) and bias (out). In double, rounded once.
// False if a number is not finite.
MUST_USE bool net_stage_fold(const struct net_stage *stage, const struct net_stage *next,
                             double *column_scale, double *column_shift, struct net_layer *layer);
