// Calibration metrics from probabilities in double (spec/algorithm.md 7).
//
// Functions that take `docs` not const sort them in place by a key that leaves no choice: the
// result is the same bits for any order of the input. Undefined values are NaN.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct quality_calib_doc {
    double p;     // in [0, 1]
    double logit; // finite
    bool click;
};

struct quality_calib {
    size_t clicks;
    double logloss, ece_10, ece_100, pcoc, brier, normalised_entropy, slope, intercept;
};

// First place of bucket k when n places are cut into buckets: floor(k n / buckets).
size_t quality_calib_bucket(size_t k, size_t n, size_t buckets);

// Expected calibration error of one list (or of the whole set as one), n >= 1: by p descending, the
// places cut into `buckets` parts; documents of equal p share their mean residual.
double quality_calib_ece(struct quality_calib_doc *docs, size_t n, size_t buckets);

// Everything that is pooled over samples; n >= 1. LogLoss, slope and intercept come from the
// logits: of a calibrated p, log(p / (1 - p)). false: no memory.
bool quality_calib_pooled(struct quality_calib_doc *docs, size_t n,
                          struct quality_calib *ret_calib);
