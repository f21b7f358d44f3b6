// What a model file carries so that a server can see drift (model/drift.h): the ranges of the raw
// values that it learnt from, and how its probabilities spread on validation.
#pragma once

#include "model/calibrate.h"
#include "model/drift.h"
#include "model/train/dataset.h"

struct fit_drift {
    const float **of; // (schema->count) as in struct checkpoint
    float *values;
};

// Lowest and highest raw value of each feature with drift_has_range in the `lists` (count). Missing
// values of a bucketed feature do not count; one without any value has the whole range of
// proto/row.h, so that nothing is outside. STATUS_INVALID if the data have not the features,
// STATUS_NO_MEMORY.
MUST_USE enum status fit_drift_ranges(const struct dataset *dataset, const uint32_t *lists,
                                      size_t count, const struct schema *schema,
                                      struct fit_drift *ret_ranges, struct diag *reterr);
void fit_drift_fini(struct fit_drift *ranges);

// Of logit (n >= 1) by the map. Edge k (1 .. DRIFT_BINS - 1) is number floor(k n / DRIFT_BINS) of
// the sorted probabilities; equal ones, and such as nothing lies below, are left out.
// STATUS_NOT_FINITE, STATUS_NO_MEMORY.
MUST_USE enum status fit_drift_histogram(const float *logit, size_t n,
                                         const struct calibrate *calibrate,
                                         struct drift_histogram *ret_histogram,
                                         struct diag *reterr);
