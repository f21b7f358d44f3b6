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
    double clip_norm;             // 0: off; global L2 norm of the loss gradient, before lambda * w
};

struct adam {
    float *m, *v; // (params->floats) each
    uint64_t t;   // steps taken
};

// One update of values (params->floats) in place. Returns the norm before clipping; the same for
// any number of threads (sums in fixed blocks). Work is shared out over the team.
double adam_step(struct adam *adam, const struct adam_config *config, double lr,
                 const struct param_set *params, float *values, const float *grads,
                 struct team *team);
