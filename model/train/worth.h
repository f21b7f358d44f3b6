// What a scored set's probabilities are worth where the truth is known: their error, and money.
// The one list of these measures for `ctr evaluate` and for experiments.
#pragma once

#include "model/train/known.h"
#include "model/train/market.h"
#include "proto/json_value.h"

#include <stdbool.h>

enum { WORTH_VALUES = 10 };

struct worth {
    bool has_money;                              // false: only the first three are set
    double true_error, true_bias, true_kl;       // truth.h
    double welfare, revenue, regret, overcharge; // per 1000 pages, in the unit of the bids
    double regret_percent;                       // of the welfare had the model known the truth
    double revenue_percent, overcharge_percent;  // of the revenue then
};

// market NULL: no auction. known->truth (set->docs) is what the errors are against, known->appeal
// what clicks in an auction, or NULL: the truth does; known->bid, or NULL: drawn as `market` says.
// A percentage of nothing is NaN. STATUS_NO_MEMORY, STATUS_NOT_FINITE.
MUST_USE enum status worth_measure(const struct market_config *market, const struct scoreset *set,
                                   const struct calibrate *calibrate, const struct known *known,
                                   struct worth *ret_worth, struct diag *reterr);
// values[i] belongs to (*ret_names)[i], static storage. Returns the count: of what is set.
size_t worth_values(const struct worth *worth, const char *const **ret_names,
                    double values[WORTH_VALUES]);
// Sets them in `measures`.
void worth_set(const struct worth *worth, struct json_value *measures);
