// What a model's probabilities are worth in money: every page is ranked and priced with them and
// clicked by the truth (spec/algorithm.md 9, auction).
//
// The chance of a click on ad i at slot k is position_k * P_i. The same auction run with P instead
// of the model's p is the yardstick: `regret` is the welfare that the model loses against it,
// `overcharge` what advertisers pay above the prices that the truth would have set.
#pragma once

#include "model/auction.h"
#include "model/calibrate.h"
#include "model/train/scoreset.h"

#include <stddef.h>
#include <stdint.h>

enum { MARKET_MAX_SLOTS = 64 };

struct market_rules {
    struct auction_rules auction;      // its slots: how many ads are shown
    double position[MARKET_MAX_SLOTS]; // chance that a slot is looked at, falling
};

// Money of one page or the sum of many, in the unit of the bids.
struct market_money {
    double welfare, revenue;           // sum of position P bid; of position P price
    double welfare_true, revenue_true; // had the model known P
    double overcharge;                 // sum of position P (price - true price), ads shown in both
};

struct market_scratch {           // n of each
    struct auction_place *places; // after market_page: as shown by the model
    double *true_price;           // per ad; NaN: not shown under the truth
    float *known;
};

// One page of n ads, auction.slots of them shown. pctr: as answered. truth: the chance of a click
// on a slot that is looked at, inside (0, 1).
struct market_money market_page(const struct market_rules *rules, const double *bid,
                                const float *pctr, const double *truth, size_t n,
                                struct market_scratch *scratch);

struct market_config {
    double gamma, floor_bid, floor_ecpm; // as in auction_rules
    size_t slots;                        // 1..MARKET_MAX_SLOTS
    uint64_t bid_seed;
    double bid_spread; // of log bid; bids are log-normal with median 1
};
struct market_config market_defaults(void); // gamma 1, no floors, 5 slots, seed 1, spread .5

// The bids of documents: a pure function of seed, list and place in the list. bid (set->docs)
void market_bids(const struct market_config *config, const struct scoreset *set, double *bid);
// All pages of a scored set. Slot k is looked at with chance 1 / log2(k + 2), k from 0. truth
// (set->docs). STATUS_NO_MEMORY, STATUS_NOT_FINITE.
MUST_USE enum status market_measure(const struct market_config *config, const struct scoreset *set,
                                    const struct calibrate *calibrate, const double *truth,
                                    const double *bid, struct market_money *ret_money,
                                    struct diag *reterr);
