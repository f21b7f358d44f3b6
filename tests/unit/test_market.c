// Money of a page, worked by hand; the golden file has more pages.
#include "model/train/market.h"
#include "tests/support/near.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8 };

static struct market_money page(const struct market_rules *rules, const double *bid,
                                const float *pctr, const double *truth, size_t n)
{
    struct auction_place places[MOST];
    double price[MOST];
    float known[MOST];
    struct market_scratch scratch = {places, price, known};
    return market_page(rules, bid, pctr, truth, n, &scratch);
}

static struct market_rules two_slots(void)
{
    return (struct market_rules){.auction = {.gamma = 1, .slots = 2}, .position = {1, .5}};
}

// Three ads, two slots. Truth .5, .25, .125 and bids 1, 2, 2: eCPM 500, 500, 250. The tie goes to
// the higher p, so ad 0 before ad 1; prices: ad 0 pays 500/500 = 1, ad 1 pays 250/250 = 1.
static void the_truth_has_no_regret(void **state)
{
    (void)state;
    const struct market_rules rules = two_slots();
    const double bid[] = {1, 2, 2}, truth[] = {.5, .25, .125};
    const float pctr[] = {.5F, .25F, .125F};
    struct market_money money = page(&rules, bid, pctr, truth, 3);
    near_is(money.welfare, .5 * 1 + .5 * .25 * 2, 1e-15);
    near_is(money.revenue, .5 * 1 + .5 * .25 * 1, 1e-15);
    near_is(money.welfare_true, money.welfare, 0);
    near_is(money.revenue_true, money.revenue, 0);
    near_is(money.overcharge, 0, 0);
}

// A common factor on all p changes neither order nor prices.
static void a_common_factor_costs_nothing(void **state)
{
    (void)state;
    const struct market_rules rules = two_slots();
    const double bid[] = {1, 2, 2}, truth[] = {.5, .25, .125};
    const float half[] = {.25F, .125F, .0625F};
    struct market_money money = page(&rules, bid, half, truth, 3);
    near_is(money.welfare, money.welfare_true, 0);
    near_is(money.revenue, money.revenue_true, 0);
    near_is(money.overcharge, 0, 0);
}

// One ad doubled: ad 2 gets p .5, eCPM 1000, and leads. It pays 500 / 500 = 1; ad 0 behind it pays
// 500 / 500 = 1 for the next, ad 1. Shown in both: ad 0, at the price that it pays under the truth.
static void one_wrong_ad_costs_welfare(void **state)
{
    (void)state;
    const struct market_rules rules = two_slots();
    const double bid[] = {1, 2, 2}, truth[] = {.5, .25, .125};
    const float pctr[] = {.5F, .25F, .5F};
    struct market_money money = page(&rules, bid, pctr, truth, 3);
    near_is(money.welfare, .125 * 2 + .5 * .5 * 1, 1e-15);
    near_is(money.revenue, .125 * 1 + .5 * .5 * 1, 1e-15);
    near_is(money.overcharge, 0, 1e-15);
    assert_true(money.welfare_true > money.welfare);
}

// The leader's neighbour is overrated, not enough to pass it: the leader pays for that.
static void an_overrated_neighbour_raises_the_price(void **state)
{
    (void)state;
    struct market_rules rules = two_slots();
    rules.auction.slots = 1;
    const double bid[] = {1, 1}, truth[] = {.5, .125};
    const float pctr[] = {.5F, .25F};
    struct market_money money = page(&rules, bid, pctr, truth, 2);
    near_is(money.revenue_true, .5 * .25, 1e-15); // .125 / .5 a click
    near_is(money.revenue, .5 * .5, 1e-15);       // .25 / .5 a click
    near_is(money.overcharge, .5 * (.5 - .25), 1e-15);
    near_is(money.welfare, money.welfare_true, 0);
}

// By bid alone (gamma 0) probabilities do not matter; with one bidder the floor is the price.
static void by_bid_and_alone(void **state)
{
    (void)state;
    struct market_rules rules = two_slots();
    const double bid[] = {1, 3}, truth[] = {.5, .25};
    const float wrong[] = {.001F, .9F};
    rules.auction.gamma = 0;
    struct market_money money = page(&rules, bid, wrong, truth, 2);
    near_is(money.welfare, .25 * 3 + .5 * .5 * 1, 1e-15);
    near_is(money.welfare, money.welfare_true, 0);
    rules.auction.gamma = 1;
    rules.auction.floor_bid = .125;
    money = page(&rules, bid, wrong, truth, 1);
    near_is(money.revenue, .5 * .125, 1e-15);
}

// Welfare under the truth is the greatest: whatever a model says, regret is not negative.
static void no_model_beats_the_truth(void **state)
{
    (void)state;
    const struct market_rules rules = two_slots();
    uint32_t seed = 12345;
    for (int trial = 0; trial < 2000; trial++) {
        double bid[6], truth[6];
        float pctr[6];
        for (size_t i = 0; i < 6; i++) {
            seed = seed * 1664525 + 1013904223;
            bid[i] = (double)(seed >> 16) / 65536;
            seed = seed * 1664525 + 1013904223;
            truth[i] = ((double)(seed >> 16) + 1) / 65538;
            seed = seed * 1664525 + 1013904223;
            pctr[i] = (float)(((double)(seed >> 16) + 1) / 65538);
        }
        struct market_money money = page(&rules, bid, pctr, truth, 6);
        assert_true(money.welfare <= money.welfare_true * (1 + 1e-6));
    }
}

// The first example of docs/auction.md.
static void the_example_of_the_manual(void **state)
{
    (void)state;
    struct auction_place places[3];
    struct auction_result result;
    const struct auction_rules rules = {.gamma = 1};
    const double bid[] = {1, 1, .8};
    const float pctr[] = {.5F, .25F, .125F};
    auction_run(&rules, bid, pctr, 3, places, &result);
    const double ecpm[] = {500, 250, 100}, price[] = {.5, .4, 0};
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(places[k].ad, k);
        near_is(places[k].ecpm, ecpm[k], 1e-12);
        near_is(places[k].price, price[k], 1e-12);
    }
}

// The same with one slot and b's true probability .125, whatever the model says of b.
static void the_money_of_the_manual(void **state)
{
    (void)state;
    const struct market_rules rules = {.auction = {.gamma = 1, .slots = 1}, .position = {1}};
    const double bid[] = {1, 1, .8}, truth[] = {.5, .125, .125};
    const struct {
        float said;
        double welfare, revenue, overcharge;
    } cases[] = {{.125F, .5, .125, 0}, {.25F, .5, .25, .125}, {.75F, .125, .125 / 1.5, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const float pctr[] = {.5F, cases[i].said, .125F};
        struct market_money money = page(&rules, bid, pctr, truth, 3);
        near_is(money.welfare, cases[i].welfare, 1e-15);
        near_is(money.revenue, cases[i].revenue, 1e-15);
        near_is(money.overcharge, cases[i].overcharge, 1e-15);
        near_is(money.welfare_true, .5, 1e-15);
        near_is(money.revenue_true, .125, 1e-15);
    }
}

// Bids are a function of seed, list and place: other sets of the same lists see the same bids.
static void bids_belong_to_documents(void **state)
{
    (void)state;
    struct market_config config = market_defaults();
    uint32_t both[] = {4, 9}, second[] = {9};
    uint64_t offset[] = {0, 3, 5}, short_offset[] = {0, 2};
    struct scoreset all = {.list = both, .lists = 2, .docs = 5, .offset = offset};
    struct scoreset part = {.list = second, .lists = 1, .docs = 2, .offset = short_offset};
    double bid[5], bid_part[2], other[5], mean = 0;
    market_bids(&config, &all, bid);
    market_bids(&config, &part, bid_part);
    assert_memory_equal(bid + 3, bid_part, sizeof(bid_part));
    config.bid_seed = 2;
    market_bids(&config, &all, other);
    assert_memory_not_equal(bid, other, sizeof(bid));
    enum { MANY = 4000 };
    uint64_t long_offset[] = {0, MANY};
    struct scoreset many = {.list = both, .lists = 1, .docs = MANY, .offset = long_offset};
    double *bids = calloc(MANY, sizeof(*bids));
    assert_non_null(bids);
    market_bids(&config, &many, bids);
    for (size_t i = 0; i < MANY; i++)
        mean += log(bids[i]) / MANY;
    free(bids);
    near_is(mean, 0, 4 * .5 / sqrt(MANY)); // four standard errors of log bid
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_truth_has_no_regret),
        cmocka_unit_test(a_common_factor_costs_nothing),
        cmocka_unit_test(one_wrong_ad_costs_welfare),
        cmocka_unit_test(an_overrated_neighbour_raises_the_price),
        cmocka_unit_test(by_bid_and_alone),
        cmocka_unit_test(no_model_beats_the_truth),
        cmocka_unit_test(the_example_of_the_manual),
        cmocka_unit_test(the_money_of_the_manual),
        cmocka_unit_test(bids_belong_to_documents),
    };
    return cmocka_run_group_tests_name("market", tests, NULL, NULL);
}
