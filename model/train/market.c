#include "model/train/market.h"

#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct market_config market_defaults(void)
{
    return (struct market_config){.gamma = 1, .slots = 5, .bid_seed = 1, .bid_spread = .5};
}

struct market_money market_page(const struct market_rules *rules, const double *bid,
                                const float *pctr, const double *truth, size_t n,
                                struct market_scratch *scratch)
{
    struct market_money money = {0};
    struct auction_result shown;
    float *known = scratch->known;
    for (size_t i = 0; i < n; i++) {
        known[i] = (float)fmin(fmax(truth[i], 1e-7), 1 - 1e-7); // as an answer is
        scratch->true_price[i] = (double)NAN;
    }
    auction_run(&rules->auction, bid, known, n, scratch->places, &shown);
    for (size_t k = 0; k < shown.shown; k++) {
        const struct auction_place *place = &scratch->places[k];
        double clicks = rules->position[k] * truth[place->ad];
        money.welfare_true += clicks * bid[place->ad];
        money.revenue_true += clicks * place->price;
        scratch->true_price[place->ad] = place->price;
    }
    auction_run(&rules->auction, bid, pctr, n, scratch->places, &shown);
    for (size_t k = 0; k < shown.shown; k++) {
        const struct auction_place *place = &scratch->places[k];
        double clicks = rules->position[k] * truth[place->ad];
        double true_price = scratch->true_price[place->ad];
        money.welfare += clicks * bid[place->ad];
        money.revenue += clicks * place->price;
        if (!isnan(true_price))
            money.overcharge += clicks * (place->price - true_price);
    }
    return money;
}

void market_bids(const struct market_config *config, const struct scoreset *set, double *bid)
{
    for (size_t i = 0; i < set->lists; i++)
        for (uint64_t d = set->offset[i]; d < set->offset[i + 1]; d++) {
            struct rng rng;
            rng_start(&rng, config->bid_seed, RNG_BIDS, set->list[i],
                      (uint32_t)(d - set->offset[i]));
            bid[d] = exp(config->bid_spread * rng_normal(&rng));
        }
}

static size_t market_longest(const struct scoreset *set)
{
    size_t longest = 0;
    for (size_t i = 0; i < set->lists; i++) {
        size_t n = (size_t)(set->offset[i + 1] - set->offset[i]);
        longest = n > longest ? n : longest;
    }
    return longest;
}

static void market_add(struct market_money *sum, const struct market_money *page)
{
    sum->welfare += page->welfare;
    sum->revenue += page->revenue;
    sum->welfare_true += page->welfare_true;
    sum->revenue_true += page->revenue_true;
    sum->overcharge += page->overcharge;
}

enum status market_measure(const struct market_config *config, const struct scoreset *set,
                           const struct calibrate *calibrate, const double *truth,
                           const double *bid, struct market_money *ret_money, struct diag *reterr)
{
    assert(config->slots >= 1 && config->slots <= MARKET_MAX_SLOTS);
    struct market_rules rules = {
        .auction = {config->floor_bid, config->floor_ecpm, config->gamma, config->slots}};
    for (size_t k = 0; k < config->slots; k++)
        rules.position[k] = 1 / log2((double)k + 2);
    size_t longest = market_longest(set);
    struct market_scratch scratch = {calloc(longest + 1, sizeof(*scratch.places)),
                                     calloc(longest + 1, sizeof(*scratch.true_price)),
                                     calloc(longest + 1, sizeof(*scratch.known))};
    float *pctr = calloc(set->docs + 1, sizeof(*pctr));
    enum status code = STATUS_OK;
    if (scratch.places == NULL || scratch.true_price == NULL || scratch.known == NULL ||
        pctr == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the auctions");
    else if ((code = calibrate_apply(calibrate, set->logit, set->docs, pctr)) != STATUS_OK)
        diag_set(reterr, code, "a score is not finite");
    struct market_money sum = {0};
    for (size_t i = 0; code == STATUS_OK && i < set->lists; i++) {
        uint64_t begin = set->offset[i];
        struct market_money page = market_page(&rules, bid + begin, pctr + begin, truth + begin,
                                               (size_t)(set->offset[i + 1] - begin), &scratch);
        market_add(&sum, &page);
    }
    free(scratch.places);
    free(scratch.true_price);
    free(scratch.known);
    free(pctr);
    if (code == STATUS_OK)
        *ret_money = sum;
    return code;
}
