// The training of one model, alone or with a second tower: the straight line of the house (design
// 1).
//
//   read -> featurise -> forward -> loss -> backward -> update -> (evaluate -> checkpoint)
//
// Deterministic: the result depends on configuration and data, not on threads, time or
// interruptions.
#pragma once

#include "model/train/history.h"
#include "model/train/scoreset.h"
#include "model/train/train_config.h"

#include <stdbool.h>

struct trainer_task {
    const struct train_config *config;
    const char *identity; // of the configuration
    const char *stage;    // "teacher" or "student": the name of the result, STAGE.safetensors
    const struct method *method; // of the main tower
    bool joint;                  // its teacher learns beside, and becomes teacher.safetensors
    const struct schema *all, *regular; // with and without the privileged features
    const float **ranges;               // of `regular` (model/checkpoint.h), for a student's file
    const struct dataset *train;
    const uint32_t *lists; // (list_count) of `train` to learn from
    size_t list_count;
    struct scoreset *valid;
    uint64_t data_hash;
    const float *teacher;       // (train->docs) logits of a frozen teacher, or NULL
    double log_mass;            // of it, objective.h
    const char *teacher_sha256; // for the lineage, or NULL
    const struct kernels *kernels;
    struct team *team;
    struct history *history;
    const char *folder;      // of the run
    const char *warm_start;  // the state of another run to begin with, or NULL
    const char *warm_sha256; // of that state, for the lineage, or ""
    bool resume;             // go on from folder/state.safetensors, which is of this stage
};

// Trains until the epochs or the patience are over and leaves folder/STAGE.safetensors.
// STATUS_NOT_FINITE if the training diverges.
MUST_USE enum status trainer_run(const struct trainer_task *task, struct diag *reterr);
