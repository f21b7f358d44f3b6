// eCPM ranking, floors and generalised second prices per click (spec/algorithm.md 9, wire.md 5).
//
// Pure functions, no allocation, threads as you like; the result is a function of the arguments.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum auction_binding { AUCTION_NONE, AUCTION_NEXT, AUCTION_FLOOR_BID, AUCTION_FLOOR_ECPM };

struct auction_rules {
    double floor_bid, floor_ecpm; // finite, >= 0; met by equality
    double gamma;                 // finite, >= 0; 1: rank by bid * pctr, 0: by bid
    size_t slots;                 // 0: all
};

struct auction_place {
    uint32_t ad;                  // index in the request
    double score, ecpm, price;    // bid * pctr^gamma; 1000 pctr bid; per click
    enum auction_binding binding; // what sets the price; the first of next, bid, ecpm among equals;
                                  // AUCTION_NONE where it is 0
};

struct auction_result {
    size_t shown;       // entries of `places` after the cut at slots
    size_t eligible;    // before it
    size_t below_floor; // valid, under a floor
    size_t invalid;     // see auction_valid
};

// Whether an ad takes part: bid >= 0 and small enough that its eCPM is finite, pctr in [0, 1].
bool auction_valid(double bid, float pctr);

// places (n): the first ret_result->eligible entries are filled by rank. Money in double, in the
// order of wire.md 5. Ties: higher pctr, then position. `pctr` of a valid ad is the answered float,
// clamped to [1e-7, 1-1e-7] by calibrate, so never 0: asserted, since a price divides by it.
void auction_run(const struct auction_rules *rules, const double *bid, const float *pctr, size_t n,
                 struct auction_place *places, struct auction_result *ret_result);
// Without bids: by pctr descending, then position; score = pctr, ecpm = price = 0.
void auction_by_pctr(const float *pctr, size_t n, size_t slots, struct auction_place *places,
                     struct auction_result *ret_result);
