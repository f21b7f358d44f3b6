// How good scores are: ranking and calibration (spec/algorithm.md 7).
//
// Ranking compares raw logits; calibration uses p in double. The results are the same bits for any
// order of the lists and of the documents in a list. Undefined values are NaN (null in JSON), with
// the number of lists or groups left out. Lists without documents do not exist here.
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

#include <stddef.h>
#include <stdint.h>

enum { QUALITY_VALUES = 12 };

struct quality_input {
    size_t lists, docs;
    const uint64_t *offset; // (lists + 1), from 0 to docs
    const float *logit;     // (docs)
    // (docs) calibrated probability inside (0, 1): LogLoss, slope and intercept are then of p.
    // NULL: uncalibrated, p = sigma(logit), and LogLoss, slope and intercept come from the logits.
    const double *p;
    const float *grade;    // (docs) 0..512; a click is grade > 0
    const uint32_t *group; // (docs) user of GAUC, any numbers; NULL: by list
};

struct quality {
    size_t lists, docs, clicks;
    double ndcg10;
    size_t ndcg_left_out; // lists without a relevant document
    double auc, gauc;
    size_t gauc_left_out; // groups of one class
    double logloss, ece_list, ece_10, ece_100, pcoc, brier, normalised_entropy, slope, intercept;
};

// STATUS_NOT_FINITE or STATUS_INVALID name list and document (from 1) of a logit that is not
// finite, a p outside (0, 1), a grade outside its range; STATUS_NO_MEMORY.
MUST_USE enum status quality_measure(const struct quality_input *input, struct quality *ret_quality,
                                     struct diag *reterr);
// Counts and values by name. The caller frees.
struct json_value *quality_to_json(const struct quality *quality);
// The one list of the measures' names, for tables: values[i] belongs to (*ret_names)[i], static
// storage. Returns the count, at most QUALITY_VALUES.
size_t quality_values(const struct quality *quality, const char *const **ret_names,
                      double values[QUALITY_VALUES]);
