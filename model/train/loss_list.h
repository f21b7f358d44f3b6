// The distillation losses of one list (spec/algorithm.md 3, 10): a table of functions by enum
// loss_kd. Called by loss.c alone.
#pragma once

#include "model/train/loss.h"

struct loss_list {
    const float *student, *teacher, *label; // (n); teacher NULL for RCR
    const uint32_t *tie;                    // (n) or NULL
    size_t n;                               // at least 1
    double log_mass;
};

// The loss, d loss / d student (n) in `grad`, and in *ret_kl what is above the least value. A mean
// over the samples of the minibatch is left to the caller: pointwise gives sums over the list.
typedef double (*loss_list_function)(const struct loss_config *config, const struct loss_list *list,
                                     struct loss_scratch *scratch, double *grad, double *ret_kl);

// NULL for LOSS_KD_NONE.
loss_list_function loss_list_of(enum loss_kd kd);
