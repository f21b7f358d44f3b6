// A training run: data, teacher, student, result; one folder (design 7).
//
//   RUN/config.yaml  RUN/history.jsonl  RUN/state.safetensors  RUN/teacher.safetensors
//   RUN/student.safetensors
#pragma once

#include "model/train/train_config.h"

#include <stdbool.h>
#include <stdio.h>

struct run_options {
    const char *warm_start; // state.safetensors of another run to begin with, or NULL
    bool resume;            // go on in a folder that holds a run; else such a folder is refused
    FILE *table;            // where the measures of the results are printed; NULL: nowhere
};

// Trains what config->method says into `folder`. A finished run is measured again, not trained
// again. STATUS_NOT_FINITE if the training diverges.
MUST_USE enum status run_train(const struct train_config *config, const char *folder,
                               const struct run_options *options, struct diag *reterr);
