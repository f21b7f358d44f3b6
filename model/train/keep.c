#include "model/train/keep.h"

#include <math.h>

static const double keep_reach = 1.005; // of the lowest LogLoss

void keep_start(struct keep *keep, enum keep_rule rule)
{
    *keep = (struct keep){.rule = rule, .top_rank = -INFINITY, .low_logloss = INFINITY};
}

static bool keep_within_reach(const struct keep *keep, const struct keep_epoch *epoch)
{
    return keep->rule != KEEP_NDCG_NEAR_LOGLOSS || epoch->logloss <= keep->low_logloss * keep_reach;
}

// Is `a` at least as good as the earlier or equal `b` in what the rule looks at? Ties go to the
// earlier epoch.
static bool keep_beats(enum keep_rule rule, const struct keep_epoch *a, const struct keep_epoch *b)
{
    switch (rule) {
    case KEEP_NDCG:
        return a->rank >= b->rank;
    case KEEP_LOGLOSS:
        return a->logloss <= b->logloss;
    default:
        return a->rank >= b->rank && a->logloss <= b->logloss;
    }
}

// Strictly: `newer` replaces `older` only where it is better, so that ties keep the earlier one.
static bool keep_replaces(enum keep_rule rule, const struct keep_epoch *newer,
                          const struct keep_epoch *older)
{
    return keep_beats(rule, newer, older) && !keep_beats(rule, older, newer);
}

// A full table gives up its worst ranking, the last that would win. Returns the epoch.
static uint32_t keep_give_up(struct keep *keep)
{
    size_t worst = 0;
    for (size_t i = 1; i < keep->count; i++)
        if (keep->best[i].rank < keep->best[worst].rank)
            worst = i;
    uint32_t epoch = keep->best[worst].epoch;
    keep->count--;
    for (size_t i = worst; i < keep->count; i++)
        keep->best[i] = keep->best[i + 1];
    return epoch;
}

bool keep_offer(struct keep *keep, struct keep_epoch epoch, uint32_t *dropped, size_t *ret_dropped)
{
    *ret_dropped = 0;
    if (isnan(epoch.rank))
        epoch.rank = 0;
    if (epoch.rank > keep->top_rank || epoch.logloss < keep->low_logloss)
        keep->last_better = epoch.epoch;
    keep->top_rank = fmax(keep->top_rank, epoch.rank);
    keep->low_logloss = fmin(keep->low_logloss, epoch.logloss);
    bool candidate = keep_within_reach(keep, &epoch);
    size_t left = 0;
    for (size_t i = 0; i < keep->count; i++)
        candidate = candidate && !keep_beats(keep->rule, &keep->best[i], &epoch);
    for (size_t i = 0; i < keep->count; i++) {
        const struct keep_epoch old = keep->best[i];
        bool out = !keep_within_reach(keep, &old) ||
                   (candidate && keep_replaces(keep->rule, &epoch, &old));
        if (out)
            dropped[(*ret_dropped)++] = old.epoch;
        else
            keep->best[left++] = old;
    }
    keep->count = left;
    if (candidate && keep->count == KEEP_MAX)
        dropped[(*ret_dropped)++] = keep_give_up(keep);
    if (candidate)
        keep->best[keep->count++] = epoch;
    return candidate;
}

const struct keep_epoch *keep_winner(const struct keep *keep)
{
    const struct keep_epoch *winner = NULL;
    for (size_t i = 0; i < keep->count; i++) {
        const struct keep_epoch *epoch = &keep->best[i];
        bool better =
            winner == NULL || (keep->rule == KEEP_LOGLOSS ? epoch->logloss < winner->logloss
                                                          : epoch->rank > winner->rank);
        if (better)
            winner = epoch;
    }
    return winner;
}

bool keep_patience_over(const struct keep *keep, uint32_t epoch, uint32_t patience)
{
    return epoch - keep->last_better >= patience;
}
