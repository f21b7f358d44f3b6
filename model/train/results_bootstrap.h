// The paired bootstrap over lists: how much a mean over the test lists owes to which lists they are
// (spec/algorithm.md 8). Resamples are drawn by Philox, so the same numbers give the same interval.
#pragma once

#include "base/status.h"

#include <stddef.h>

enum { RESULTS_RESAMPLES = 2000 };

struct results_bootstrap {
    size_t lists;
    double mean, low, high; // the percentiles 2.5 and 97.5 of the resampled means
};

// differences (n), finite. Everything is NaN for n = 0. STATUS_NO_MEMORY.
MUST_USE enum status results_bootstrap(const double *differences, size_t n,
                                       struct results_bootstrap *ret_bootstrap);
