// The data of a training run: files, split, and what teacher and student may see of them.
#pragma once

#include "model/schema.h"
#include "model/train/dataset.h"
#include "model/train/fit_drift.h"
#include "model/train/scoreset.h"
#include "model/train/train_config.h"
#include "model/train/warm.h"

struct traindata {
    struct dataset train, valid,
        test; // valid is unused without a validation file, test without a test file
    bool has_valid, has_test;
    uint32_t *lists; // (list_count) of `train` to learn from
    size_t list_count;
    struct scoreset valid_set; // of `valid`, or of the lists of `train` that were set aside
    struct schema teacher, student;
    struct fit_drift ranges; // of `student`, of the lists that teach
    uint64_t hash;           // of training and validation data
};

// Opens (and caches under `folder`, the run's) and checks. On failure everything is released.
// `warm`: what was fitted in the run that this one begins with, or NULL.
MUST_USE enum status traindata_open(const struct train_config *config, const char *folder,
                                    const struct warm *warm, struct traindata *ret_data,
                                    struct diag *reterr);
void traindata_close(struct traindata *data);
