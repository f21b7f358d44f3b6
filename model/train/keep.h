// Which epoch's model is kept, and when to stop (spec/algorithm.md 12, "epoch kept").
//
// By default the best validation NDCG@10 (or GAUC, AUC: train.rank_by) among epochs whose
// validation LogLoss is within 0.5 % of the run's lowest. The lowest is known at the end only, so
// every epoch that may still win is a candidate: those within reach of the lowest so far that no
// other beats in both measures. The bound only ever tightens, so what falls out stays out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum keep_rule { KEEP_NDCG_NEAR_LOGLOSS, KEEP_NDCG, KEEP_LOGLOSS };
enum { KEEP_MAX = 64 };

struct keep_epoch {
    uint32_t epoch;
    double rank, logloss; // rank: the measure of ranking asked for; NaN (undefined) counts as 0
};

struct keep {
    enum keep_rule rule;
    struct keep_epoch best[KEEP_MAX]; // candidates, by epoch
    size_t count;
    double top_rank, low_logloss; // of all epochs
    uint32_t last_better;         // the last epoch with a new best of either
};

void keep_start(struct keep *keep, enum keep_rule rule);
// After an epoch: is it a candidate? `dropped` (KEEP_MAX + 1) gets the epochs that no longer are.
bool keep_offer(struct keep *keep, struct keep_epoch epoch, uint32_t *dropped, size_t *ret_dropped);
const struct keep_epoch *keep_winner(const struct keep *keep); // NULL before the first offer
bool keep_patience_over(const struct keep *keep, uint32_t epoch, uint32_t patience);
