// What made impressions are worth knowing: sums over pages, and the expected LogLoss of who knows
// how much.
#pragma once

#include "model/train/synth_visit.h"

enum { SYNTH_TALLY_BINS = 1024 };

struct synth_tally { // starts as zeros
    uint64_t pages, ads, clicks;
    double sum_p, sum_logloss;                                 // of the true P
    double bin_p[SYNTH_TALLY_BINS], bin_ads[SYNTH_TALLY_BINS]; // by f, 1/32 wide
};

// A page after synth_visit_click with intercept b.
void synth_tally_add(struct synth_tally *tally, const struct synth_visit *visit, double b);

// Expected LogLoss of the true P; of its mean alone; and of its mean at equal f, which is what is
// left to who knows all of user, item and context but neither the place nor the other items.
// At least one page was added.
double synth_tally_logloss(const struct synth_tally *tally);
double synth_tally_rate_logloss(const struct synth_tally *tally);
double synth_tally_appeal_logloss(const struct synth_tally *tally);
