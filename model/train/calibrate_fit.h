// Fitting the maps of model/calibrate.h on held-out logits (spec/algorithm.md 9).
//
// Every fit depends on the set of points, not on their order: they are sorted once by a key that
// leaves no choice. Where the spec says so a fit gives the identity, and says why.
#pragma once

#include "base/status.h"
#include "model/calibrate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct calibrate_point {
    double s;      // shifted logit, finite
    double weight; // > 0; of isotonic alone, the others are not weighted
    bool click;
};

struct calibrate_rules { // of sir
    size_t bins;         // at least 1
    uint64_t min_clicks;
    double prior; // pseudo-impressions at the overall rate, >= 0
};

struct calibrate_fit {
    struct calibrate map; // shift 0
    const char *why;      // why it is the identity; NULL: it is what was asked for. Static storage
    double *knots;        // owns map.x and map.y
};

// By s, then by click, then by weight.
void calibrate_fit_sort(struct calibrate_point *points, size_t n);
// `points` are sorted, n >= 1. STATUS_NO_MEMORY; STATUS_TOO_LARGE if the map has more knots than
// a model file may.
MUST_USE enum status calibrate_fit(enum calibrate_kind kind, const struct calibrate_point *points,
                                   size_t n, const struct calibrate_rules *rules,
                                   struct calibrate_fit *ret_fit, struct diag *reterr);
void calibrate_fit_fini(struct calibrate_fit *fit);
