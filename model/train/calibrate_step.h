// Maps through knots: isotonic (PAV) and SIR (binned, smoothed, piecewise linear)
// (spec/algorithm.md 9).
#pragma once

#include "model/train/calibrate_fit.h"

struct calibrate_step_block {
    double sum, weight; // its value is sum / weight
    size_t end;         // place behind its last value
};

// Pool adjacent violators: the non-decreasing f that minimises sum of weight (sum / weight - f)^2,
// as blocks that rise. sum (n), weight (n) > 0 -> blocks (n at most); returns their number. O(n).
size_t calibrate_step_pool(const double *sum, const double *weight, size_t n,
                           struct calibrate_step_block *blocks);

// `points` are sorted, n >= 1. Fills map and knots of `fit`, or fit->why. STATUS_NO_MEMORY,
// STATUS_TOO_LARGE.
MUST_USE enum status calibrate_step_isotonic(const struct calibrate_point *points, size_t n,
                                             struct calibrate_fit *fit, struct diag *reterr);
MUST_USE enum status calibrate_step_sir(const struct calibrate_point *points, size_t n,
                                        const struct calibrate_rules *rules,
                                        struct calibrate_fit *fit, struct diag *reterr);
