// Adam with coupled L2 (spec/algorithm.md 6.2): moments see gradient + lambda * w.
#pragma once

#include "model/param.h"
#include "model/train/team.h"

#include <stdbool.h>
#include <stdint.h>

struct adam_config {
    double beta1, beta2, epsilon; // .9, .999, 1e-8 (outside the root)
    double weight_decay;          // lambda
    bool decay_all;               // l2_scope all: also biases, gamma, beta
    double clip_norm; // 0: off; greatest L2 norm of the loss gradient, before lambda * w
};

struct adam {
    float *m, *v; // (params->floats) each
    uint64_t t;   // steps taken
};

// The sum of squares of a gradient (params->floats); the same for any number of threads (sums in
// fixed blocks).
double adam_squares(const struct param_set *params, const float *grads, struct team *team);
// One update of values (params->floats) in place. `squares` is the sum over all gradients that are
// clipped together; unused without clip_norm. Work is shared out over the team.
void adam_step(struct adam *adam, const struct adam_config *config, double lr, double squares,
               const struct param_set *params, float *values, const float *grads,
               struct team *team);
