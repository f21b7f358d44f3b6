// What is served against what was trained on: raw values outside the training ranges, and the
// population stability index (PSI) of the scores (spec/canary.md 3).
#pragma once

#include "base/status.h"
#include "model/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DRIFT_BINS = 20 };

// How scores spread over bins with open ends; a model file has that of its pCTR on validation.
struct drift_histogram {
    size_t bins;                 // 1 .. DRIFT_BINS; 0: there is none
    float edges[DRIFT_BINS - 1]; // (bins - 1) inner ones, ascending
    uint64_t counts[DRIFT_BINS]; // (bins)
};

// The bin of a pCTR: the number of edges that are not above it.
size_t drift_bin(const struct drift_histogram *histogram, float pctr);
// The law of a histogram, read or to be written; all zero is one that is not there. STATUS_CORRUPT
// with the name of the tensor.
MUST_USE enum status drift_check(const struct drift_histogram *histogram, struct diag *reterr);

// PSI between two rows of counts over the same bins (at most DRIFT_BINS), of n and m scores in all:
//
//   a = (count + 0.5) / (n + 0.5 bins), b alike;  raw = sum (a - b) ln(a / b)
//   corrected = max(0, raw - (bins - 1) (1 / n + 1 / m)), what chance alone would give taken off
//
// Both are 0 where n or m is 0: nothing is known then. Above 0.1 is worth a look, above 0.25 an
// alarm.
void drift_psi(const uint64_t *expected, const uint64_t *actual, size_t bins, double *ret_raw,
               double *ret_corrected);

// Whether a feature has training ranges: numbers that are sent with a request.
bool drift_has_range(const struct schema_feature *feature);

struct drift_outside {
    uint64_t below, above; // values
};

// Adds to outside (schema->count), by feature, how many raw values are outside the ranges: of the
// shared cells once, of rows (n, row_cells) each. ranges (schema->count) has (2, size) of a
// feature, lows and then highs; what has none is left out. A value that is the feature's default
// counts as missing, not here; NaN is missing too. `shared` may be NULL where nothing is shared.
void drift_ranges(const struct schema *schema, const float *const *ranges,
                  const union row_cell *shared, const union row_cell *rows, size_t n,
                  struct drift_outside *outside);
// Lows and highs of (2, size) are finite and in order. STATUS_CORRUPT names tensor and value.
MUST_USE enum status drift_check_range(const struct schema_feature *feature, const float *range,
                                       struct diag *reterr);
