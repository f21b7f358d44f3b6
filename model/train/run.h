// A training run: data, teacher, student, result; one folder (design 7).
//
//   RUN/config.yaml  RUN/history.jsonl  RUN/state.safetensors  RUN/teacher.safetensors
//   RUN/student.safetensors
#pragma once

#include "model/train/train_config.h"

#include <stdbool.h>

// Trains what config->method says into `folder` and prints the measures to stdout. A folder that
// holds a run already is refused unless `resume`; a finished run is measured again, not trained
// again.
MUST_USE enum status run_train(const struct train_config *config, const char *folder, bool resume,
                               struct diag *reterr);
