// A step of the DIN activation unit: forward and backward through its layers, cut by lists into
// shards and in each shard into tiles of some hundred pairs, which stay in the nearest caches from
// one matrix product to the next (spec/algorithm.md 1.2). Memory belongs to din_train.c.
//
//   z_b = [e_b; e_t; e_b - e_t; e_b * e_t] -> ( linear -> PReLU or Dice ) x hidden -> linear -> a_b
//
// The first linear layer is computed in parts. With W = [W1 | W2 | W3 | W4] (h, 4 dim):
// W z_b = A e_b + B e_t + C (e_b * e_t), A = W1 + W3 once a behaviour, B = W2 - W3 once a row,
// C = W4 once a pair; dW1 = dA, dW2 = dB, dW3 = dA - dB, dW4 = dC.
//
// Sums over pairs are per shard in double and added in shard order. With Dice every layer is a
// barrier, since its statistics are of the whole minibatch; with PReLU a tile goes all the way.
#pragma once

#include "model/layer_dice.h"
#include "model/layer_linear.h"
#include "model/layer_prelu.h"
#include "model/train/din_pairs.h"
#include "model/train/team.h"

#include <stdbool.h>
#include <stddef.h>

enum { DIN_STEP_MAX_HIDDEN = 8 };

// Linear layer k and the activation behind it, none behind the last. On its way back the gradient
// takes the place of y.
struct din_stage {
    struct layer_linear linear; // in = 4 dim in stage 0
    struct layer_prelu prelu;   // one of the two is used
    struct layer_dice dice;
    size_t weight, bias, kappa, mean, var; // where the tensors begin, floats
    float *running_mean, *running_var;     // (out)
    float *z, *y;                          // (pairs, out); the last has no y
};

struct din_step {
    struct team *team;
    size_t shards, dim, widest;
    size_t stage_count; // hidden layers and the last
    bool dice, softmax;
    struct din_stage stages[DIN_STEP_MAX_HIDDEN + 1];
    float *a, *b; // (h, dim) of the first layer
    float *grads;
    float *shard_grads; // (shards - 1, floats): shard 0 works in `grads`
    size_t floats;      // of the parameters
    float *scratch;     // (shards, largest matrix): the gradient of a matrix, from one tile
    size_t largest;
    double *sums;            // (shards, stage_count, kinds of sums, widest)
    double *tile_sum;        // (shards, widest)
    float *mean_h, *mean_hx; // (widest): of the Dice on the way back
    size_t *shard_list;      // (shards + 1): its first list
    struct din_pairs pairs;  // of the minibatch
    float *product;          // (pairs, dim), on the way back its gradient
    float *weight;           // (pairs); with softmax not the last stage's z
    float *grad_score;       // (pairs)
    float *behaviour_part;   // (behaviours, h): A e_b, on the way back the gradient of that
    float *behaviour_pool;   // (behaviours, dim): the gradient through the pool
    float *row_part;         // (rows, h): B e_t and bias, on the way back the gradient of that

    // the pass in work: stages at .. until-1, or at down to until on the way back
    size_t at, until;
    float *u;
    const float *g; // d loss / d u
    size_t stride;  // of u or g
    float *grad_behaviour, *grad_target;
};

// Doubles that `sums` needs, for all shards.
size_t din_step_sums(size_t shards, size_t stage_count, size_t widest);
// A (h, dim) and B (h, dim) of W (h, 4 dim), in double, rounded once
void din_step_split(const float *w, size_t h, size_t dim, float *ret_a, float *ret_b);
// step->pairs is set: u (rows, dim) and the running statistics.
void din_step_forward(struct din_step *step, float *u, size_t u_stride);
// After a forward, once: all gradients, overwritten.
void din_step_backward(struct din_step *step, const float *g, size_t g_stride,
                       float *grad_behaviour, float *grad_target);
