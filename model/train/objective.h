// What a minibatch asks of the towers: from their logits to the gradients of their logits
// (spec/algorithm.md 1.4, 2, 3, 4).
//
//   two-stage: the teacher is frozen, its logits are given per document of the data set;
//   joint: the teacher is the second tower, in the same step; it learns from the clicks alone, and
//   its logits enter the student's loss as numbers: nothing of L_d flows into it.
#pragma once

#include "model/train/method.h"
#include "model/train/minibatch.h"
#include "model/train/tower.h"

#include <stdint.h>

struct objective_config {
    struct loss_config loss; // of the main tower, once warm
    bool joint;
    uint64_t seed;
    uint64_t kd_warmup_steps;
    const float *teacher; // (docs of the data set) frozen logits; NULL without a frozen teacher
    double log_mass;      // of the frozen teacher: log of the mean of Z_t over the training lists
    // The shallow tower's logit is dropped per sample at this rate; 0: never.
    double keep_drop;
    bool keep_rescale; // what is kept, times 1 / (1 - keep_drop)
};

struct objective {
    struct objective_config config;
    float *teacher, *keep; // (max rows)
    uint32_t *tie;         // (max rows)
    struct loss_scratch scratch;
};

// Where a step stands in the run.
struct objective_step {
    uint32_t epoch, step;
    uint64_t taken;   // steps before this one, over all epochs
    double *log_mass; // joint: log of the running mean of Z_t; begun by step 0, updated by others
};

struct objective_value {
    struct loss_value main;
    double teacher; // PointCE of a teacher that learns beside; else 0
};

MUST_USE enum status objective_init(struct objective *objective,
                                    const struct objective_config *config, size_t max_rows,
                                    struct diag *reterr);
void objective_fini(struct objective *objective);

// towers[0] is the main one, towers[1] (count 2) the shallow one or the teacher. Reads their
// logits, writes their grads. STATUS_NOT_FINITE if a logit is not finite.
MUST_USE enum status objective_grads(struct objective *objective, const struct minibatch *batch,
                                     struct tower *towers, size_t count,
                                     const struct objective_step *step,
                                     struct objective_value *ret_value);
