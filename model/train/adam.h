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

// ---- the same by runs, for an optimiser of parts of the parameters (embed_table.c)

// What a step multiplies by, rounded to float once.
struct adam_rates {
    float beta1, beta2, one_minus_beta1, one_minus_beta2;
    float step_size;  // lr / (1 - beta1^t)
    float root_scale; // 1 / sqrt(1 - beta2^t)
    float epsilon;
    float clip;  // factor of the gradient, 1: not clipped
    float decay; // lambda
};

// Of step t, from 1.
struct adam_rates adam_rates_of(const struct adam_config *config, uint64_t t, double lr,
                                double squares);
// Over `count` numbers each; decay is rates->decay, or 0 where it does not apply.
double adam_run_squares(const float *grads, size_t count);
void adam_run_step(const struct adam_rates *rates, float decay, const float *grads, float *values,
                   float *m, float *v, size_t count);
