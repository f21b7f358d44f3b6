// eCPM ranking, floors and generalised second prices per click (spec/algorithm.md 9).
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum auction_binding { AUCTION_NONE, AUCTION_NEXT, AUCTION_FLOOR_BID, AUCTION_FLOOR_ECPM };

struct auction_rules {
    double floor_bid, floor_ecpm, gamma; // gamma 1: rank by bid * pctr
    size_t slots;                        // 0: all
};

struct auction_place {
    uint32_t ad; // index in the request
    double score, ecpm, price;
    enum auction_binding binding; // what sets the price; the first of next, bid, ecpm among equals
};

struct auction_result {
    size_t shown;       // entries of `places` after the cut at slots
    size_t eligible;    // before it
    size_t below_floor; // valid, under a floor
    size_t invalid;     // bid negative or not finite, pctr not finite or outside [0,1]
};

// places (n) is filled by rank. Money in double, in the order of wire.md 5; deterministic ties:
// higher pctr, then position. No allocation. `pctr` is the answered float (clamped to [1e-7,
// 1-1e-7] by calibrate).
void auction_run(const struct auction_rules *rules, const double *bid, const float *pctr, size_t n,
                 struct auction_place *places, struct auction_result *ret_result);
// Without bids: by pctr descending, then position; score = pctr, ecpm = price = 0.
void auction_by_pctr(const float *pctr, size_t n, size_t slots, struct auction_place *places,
                     struct auction_result *ret_result);
