// The DIN activation unit while it learns (spec/algorithm.md 1.2): unfolded, batch statistics,
// OpenBLAS. How a step goes is in din_step.h.
//
//   u = sum over b of a_b e_b, a_b = MLP([e_b; e_t; e_b - e_t; e_b * e_t]); with softmax w_b in
//   place of a_b, w = softmax(a) over the behaviours of the row
//
// Behaviours are of a list and shared by its rows; padding is left out by the caller, for it does
// not exist here. A row without behaviours has u = 0 and gives no gradient. Dice takes its
// statistics over all pairs (row, behaviour) of the minibatch.
//
// A minibatch is cut by lists into `shards`; results depend on the shards and never on the number
// of threads. One thread calls; the team works.
#pragma once

#include "base/status.h"
#include "model/param.h"
#include "model/train/team.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIN_TRAIN_MAX_LAYERS = 8 }; // hidden

enum din_train_activation { DIN_TRAIN_PRELU, DIN_TRAIN_DICE };

struct din_train_config {
    size_t dim;          // of a behaviour, of the target and of u
    size_t hidden_count; // 1..DIN_TRAIN_MAX_LAYERS
    size_t hidden[DIN_TRAIN_MAX_LAYERS];
    enum din_train_activation activation;
    bool softmax;
    size_t shards;
    uint64_t seed;
};

// One minibatch, borrowed until the backward pass has ended.
struct din_train_batch {
    size_t lists;
    const uint64_t *row_offset;       // (lists + 1): first row of each list, from 0
    const uint64_t *behaviour_offset; // (lists + 1): first behaviour of each list, from 0
    const float *behaviour;           // (behaviours, dim)
    const float *target;              // (rows, dim)
    size_t target_stride;             // floats from row to row, >= dim
};

struct din_train; // owns parameters, running statistics, activations, gradients

MUST_USE enum status din_train_new(const struct din_train_config *config, struct team *team,
                                   struct din_train **ret_din, struct diag *reterr);
void din_train_free(struct din_train *din);
// By seed: Xavier normal weights, biases uniform within 1/sqrt(in), kappa .25 (PReLU) or 0 (Dice),
// running statistics 0 and 1.
void din_train_init(struct din_train *din);

// Trainable: "layer.K.weight", "layer.K.bias", "layer.K.kappa", "out.weight", "out.bias".
const struct param_set *din_train_params(const struct din_train *din);
float *din_train_values(struct din_train *din); // (params->floats)
float *din_train_grads(struct din_train *din);  // (params->floats)
// Running statistics of Dice: "layer.K.mean", "layer.K.var"; none for PReLU.
const struct param_set *din_train_stats(const struct din_train *din);
float *din_train_stat_values(struct din_train *din); // (stats->floats)

// Memory for a minibatch of these sizes, kept for later ones; offsets alone are read. What an
// earlier forward left is lost where it grows. STATUS_TOO_LARGE, STATUS_NO_MEMORY: the unit can be
// used on, after a reserve that succeeds.
MUST_USE enum status din_train_reserve(struct din_train *din, const struct din_train_batch *batch,
                                       struct diag *reterr);
// Batch statistics, running ones updated. Room was reserved. u (rows, dim; u_stride) is
// overwritten, what stands between its rows is not.
void din_train_forward(struct din_train *din, const struct din_train_batch *batch, float *u,
                       size_t u_stride);
// From d loss / d u (rows, dim; g_stride) of the last forward, once: grad_behaviour (behaviours,
// dim), grad_target (rows, dim) and the gradients of all parameters, all overwritten.
void din_train_backward(struct din_train *din, const float *g, size_t g_stride,
                        float *grad_behaviour, float *grad_target);
// Of the last forward, by list, row of the list, behaviour of the list: a_b, and what multiplies
// e_b in u, which is a_b or its softmax. (pairs)
const float *din_train_scores(const struct din_train *din);
const float *din_train_weights(const struct din_train *din);

// The same function in evaluation mode. Layer k < layer_count - 1 is hidden, the last linear alone:
// no kappa. weight (out, in), the rest (out). Layer 0 has in = 4 dim and in place of its weight a,
// b and c (layers[0].out, dim): W z_b = a e_b + b e_t + c (e_b * e_t).
struct din_train_folded {
    size_t dim, layer_count;
    struct {
        size_t in, out;
        const float *weight;       // NULL in layer 0
        const float *bias, *kappa; // kappa NULL in the last
        const float *mean, *var;   // Dice only, or NULL
    } layers[DIN_TRAIN_MAX_LAYERS + 1];
    const float *a, *b, *c;
    enum din_train_activation activation;
    bool softmax;
};
// A copy in memory of the unit, valid until the next fold. STATUS_NOT_FINITE.
MUST_USE enum status din_train_fold(struct din_train *din, struct din_train_folded *ret_folded,
                                    struct diag *reterr);
