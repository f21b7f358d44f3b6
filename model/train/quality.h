// How good scores are: ranking and calibration (spec/algorithm.md 7).
//
// Nothing depends on the order of the input. Ranking compares raw logits; calibration uses p in
// double. Undefined values are NaN, with the number of lists left out.
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

#include <stddef.h>
#include <stdint.h>

struct quality_input {
    size_t lists, docs;
    const uint64_t *offset; // (lists + 1)
    const float *logit;     // (docs)
    const double *p;        // (docs) calibrated probability
    const float *grade;     // (docs); label is grade > 0
    const uint32_t *group;  // (docs) user of GAUC, any numbers; NULL: by list
};

struct quality {
    size_t lists, docs, clicks;
    double ndcg10;
    size_t ndcg_left_out; // lists without a relevant document
    double auc, gauc;
    size_t gauc_left_out; // groups of one class
    double logloss, ece_list, ece_10, ece_100, pcoc, brier, normalised_entropy, slope, intercept;
};

// STATUS_NOT_FINITE names list and document of a score that is not finite; STATUS_NO_MEMORY.
MUST_USE enum status quality_measure(const struct quality_input *input, struct quality *ret_quality,
                                     struct diag *reterr);
struct json_value *quality_to_json(const struct quality *quality);
// Rows "name value" for a table; the one list of the measures' names. Returns the count; *ret_names
// of static storage.
size_t quality_values(const struct quality *quality, const char *const **ret_names,
                      double values[16]);
