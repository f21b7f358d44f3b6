// An experiment: methods, settings and seeds on the same data, each run a training run of its own
// (spec/algorithm.md 6.4, 8; docs/experiment.md).
//
//   OUT/experiment.yaml   whose folder it is (experiment_claim.h)
//   OUT/data, OUT/cache   made data; parsed data, mapped by every run
//   OUT/runs/ID/          a training run; run.json is written last: the run is finished
//   OUT/results.json, timing.json, results.md, report.html
#pragma once

#include "base/cfg.h"
#include "model/train/train_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CFG(field, kind, key, fallback, min, max, choices, help)                                   \
    CFG_FIELD(field, kind, key, fallback, min, max, choices, help)
struct experiment_config {
    struct train_config train; // the base of every run
#include "model/train/experiment.def"
};
#undef CFG

extern const struct cfg_table experiment_table;     // all options
extern const struct cfg_table experiment_own_table; // without those of `ctr train`

enum { EXPERIMENT_TEACHER_STOP, EXPERIMENT_TEACHER_WARN };

struct experiment {
    struct experiment_config config;
    struct yamldoc *doc;
    char *file, *folder; // absolute: EXPERIMENT.yaml, OUT
    const char *const *sets;
    size_t set_count; // borrowed
};

// Loads and checks. experiment_close in either case.
MUST_USE enum status experiment_open(const char *file, const char *folder, const char *const *sets,
                                     size_t set_count, struct experiment *ret_experiment,
                                     struct diag *reterr);
void experiment_close(struct experiment *experiment);

// Claims the folder, makes the data that are to be made, and parses all data once. Harmless when
// it was done; safe when several processes do it.
MUST_USE enum status experiment_prepare(struct experiment *experiment, struct diag *reterr);

// OUT/NAME; the caller frees. NULL: no memory.
char *experiment_path(const struct experiment *experiment, const char *name);
