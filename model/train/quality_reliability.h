// The reliability diagram: predicted against observed, in bins of equal mass (spec/algorithm.md 7).
//
// The bins are the buckets of the pooled ECE, which is therefore
// sum over bins of |clicks - sum_p| / docs of all: by p descending, the places are cut into `bins`
// parts; documents of equal p share their clicks and their truth, so the bins do not depend on the
// order of the input, to the last bit.
#pragma once

#include "base/status.h"
#include "model/train/quality.h"

#include <stddef.h>
#include <stdint.h>

struct reliability_bin {
    uint64_t docs; // at least one
    double sum_p;
    double clicks; // not whole where a block of equal p is cut
    double truth;  // sum of the true probabilities; 0 without them
};

// Fills bins[0 .. *ret_bins) by p ascending; fewer than `count` if there are fewer documents.
// `input` is one that quality_measure takes; truth (docs) in [0, 1], or NULL. STATUS_NO_MEMORY.
MUST_USE enum status quality_reliability(const struct quality_input *input, const double *truth,
                                         size_t count, struct reliability_bin *bins,
                                         size_t *ret_bins);
