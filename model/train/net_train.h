// The network while it learns: unfolded, batch statistics, dropout, OpenBLAS
// (spec/algorithm.md 6.2).
//
//   x -> BN_in -> ( [dropout] -> linear -> BN -> ReLU ) x hidden -> linear -> s
//
// A minibatch is cut by rows into `shards`; every layer is a barrier; sums over rows are per shard
// in double, added in shard order. The layers' own forward and backward are in model/layer_*.c.
#pragma once

#include "base/status.h"
#include "model/param.h"
#include "model/train/team.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NET_TRAIN_MAX_HIDDEN = 8 };

// Brings the dropout mask (units; 1 keeps) of the input of linear layer `layer` for one row, in
// place of the drawn one: for tests with given masks. Called from the team's threads.
typedef void (*net_train_mask)(void *context, size_t layer, size_t row, uint8_t *mask);

struct net_train_config {
    size_t input; // columns of x
    size_t hidden_count;
    size_t hidden[NET_TRAIN_MAX_HIDDEN];
    bool input_bn,
        hidden_bn;  // both true in production; false for the golden files and the shallow tower
    double dropout; // 0..1, between hidden layers
    bool dropout_input;
    bool grad_input;   // the backward pass goes on to x
    bool dropout_last; // before the last linear layer too: the shallow tower of PriDropOut
    size_t shards;
    size_t max_rows; // of a minibatch
    uint64_t seed;
    net_train_mask mask; // NULL in production: drawn by (seed, epoch, step, row, unit)
    void *mask_context;
};

struct net_train; // owns parameters, running statistics, activations, gradients

MUST_USE enum status net_train_new(const struct net_train_config *config, struct team *team,
                                   struct net_train **ret_net, struct diag *reterr);
void net_train_free(struct net_train *net);
// Xavier normal weights by seed, BN 1 and 0, output bias as given (logit of the click rate).
void net_train_init(struct net_train *net, double output_bias);

const struct param_set *net_train_params(const struct net_train *net); // trainable
float *net_train_values(struct net_train *net);                        // (params->floats)
float *net_train_grads(struct net_train *net);                         // (params->floats)
// Running statistics as their own set: "input.mean", "input.var", "hidden.K.mean", ...
const struct param_set *net_train_stats(const struct net_train *net);
float *net_train_stat_values(struct net_train *net);

// Training forward: batch statistics, dropout by (epoch, step, row, unit), running statistics
// updated. x (n, input), 2 <= n <= max_rows. logit (n).
void net_train_forward(struct net_train *net, const float *x, size_t n, uint32_t epoch,
                       uint32_t step, float *logit);
// Evaluation mode: running statistics, no dropout. For the check against net_forward. Overwrites
// the activations: an earlier training forward can no longer be run backward.
void net_train_evaluate(struct net_train *net, const float *x, size_t n, float *logit);
// From d loss / d logit of the last training forward to the gradients of all parameters
// (overwritten).
void net_train_backward(struct net_train *net, const float *grad_logit);

// d loss / d x (n, input) of the last backward pass, with config.grad_input; valid until the next
// forward.
const float *net_train_grad_input(const struct net_train *net);

// The same function of x in evaluation mode as plain linear layers: layer k has in/out as returned;
// weight (out, in) and bias (out) are written to memory of the net (valid until the next fold).
// Double, rounded once.
struct net_layer;
MUST_USE enum status net_train_fold(struct net_train *net, struct net_layer *layers,
                                    size_t *ret_count, struct diag *reterr);
