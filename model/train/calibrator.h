// A student's calibration, fitted anew from its raw logits on held-out lists: what `ctr calibrate`
// does between its options and its tables (spec/algorithm.md 9).
#pragma once

#include "model/train/calibrate_page.h"
#include "model/train/opened.h"

#include <stdbool.h>

struct calibrator_wish {
    const char *model, *data, *test; // files; test may be NULL
    bool automatic;                  // the map of the lowest cross-validated LogLoss
    enum calibrate_kind kind;        // else this one
    double keep_rate;                // in (0, 1]
    unsigned folds;
    struct calibrate_rules rules;
};

struct calibrator {
    const struct calibrator_wish *wish;
    struct opened *data, *test; // test may be NULL
    struct calibrate_cross cross;
    enum calibrate_kind chosen;
    size_t before; // the row of the page that the model file answered
    struct calibrate_page page;
};

// Whether the model may be fitted on the data: a student, and not the data that trained it. Logs
// what is worth a warning. STATUS_CONFIG, STATUS_INVALID.
MUST_USE enum status calibrator_check(const struct calibrator_wish *wish, const struct opened *data,
                                      struct diag *reterr);
// Scores, fits, chooses and measures; borrows all that it is given until calibrator_fini.
MUST_USE enum status calibrator_run(const struct calibrator_wish *wish, struct opened *data,
                                    struct opened *test, struct calibrator *ret_calibrator,
                                    struct diag *reterr);
// The model with the chosen map and a lineage that tells of it; all or nothing. Golden logits stay:
// no map changes a logit.
MUST_USE enum status calibrator_write(const struct calibrator *calibrator, const char *path,
                                      struct diag *reterr);
void calibrator_fini(struct calibrator *calibrator);
