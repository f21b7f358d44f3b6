// Ranking, floors and second prices against the reference.
#include "model/auction.h"
#include "model/train/market.h"
#include "tests/support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// The answered pCTR; an invalid one (null, outside [0, 1]) goes in as it is.
static float served(double p)
{
    if (!(p >= 0 && p <= 1))
        return (float)p;
    return (float)fmin(fmax(p, 1e-7), 1 - 1e-7);
}

static const char *binding_text(enum auction_binding binding)
{
    static const char *const texts[] = {[AUCTION_NONE] = "none",
                                        [AUCTION_NEXT] = "next",
                                        [AUCTION_FLOOR_BID] = "floor_bid",
                                        [AUCTION_FLOOR_ECPM] = "floor_ecpm"};
    return texts[binding];
}

static void check_places(const struct golden_case *c, const struct auction_place *places,
                         size_t shown)
{
    int64_t *order = golden_memory(c, shown, sizeof(*order));
    double *score = golden_memory(c, shown, sizeof(*score));
    double *ecpm = golden_memory(c, shown, sizeof(*ecpm));
    double *price = golden_memory(c, shown, sizeof(*price));
    for (size_t k = 0; k < shown; k++) {
        order[k] = places[k].ad;
        score[k] = places[k].score;
        ecpm[k] = places[k].ecpm;
        price[k] = places[k].price;
    }
    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, "order");
    golden_is_integers(&want, order, shown);
    want = golden_want(c, GOLDEN_F64, c->expect, "score");
    golden_is_doubles(&want, score, shown);
    want = golden_want(c, GOLDEN_F64, c->expect, "ecpm");
    golden_is_doubles(&want, ecpm, shown);
    want = golden_want(c, GOLDEN_F64, c->expect, "price");
    golden_is_doubles(&want, price, shown);
    const struct json_value *bindings = golden_member(c, c->expect, "binding");
    assert_int_equal(json_value_size(bindings), shown);
    for (size_t k = 0; k < shown; k++) {
        want = (struct golden_want){c, NULL, GOLDEN_F64, "binding", json_value_at(bindings, k)};
        golden_is_text(&want, binding_text(places[k].binding));
    }
}

static void check_auction(const struct golden_case *c)
{
    size_t n, others;
    const double *bid = golden_doubles(c, golden_member(c, c->in, "bid"), &n);
    const double *p = golden_doubles(c, golden_member(c, c->in, "pctr"), &others);
    assert_int_equal(others, n);
    float *pctr = golden_memory(c, n, sizeof(*pctr));
    int64_t *invalid = golden_memory(c, n, sizeof(*invalid));
    size_t invalid_count = 0;
    for (size_t i = 0; i < n; i++) {
        pctr[i] = served(p[i]);
        if (!auction_valid(bid[i], pctr[i]))
            invalid[invalid_count++] = (int64_t)i;
    }
    const struct json_value *slots = golden_member(c, c->in, "slots");
    const struct auction_rules rules = {
        .floor_bid = golden_number(c, c->in, "floor_bid"),
        .floor_ecpm = golden_number(c, c->in, "floor_ecpm"),
        .gamma = golden_number(c, c->in, "gamma"),
        .slots = json_value_kind(slots) == JSON_VALUE_NULL ? 0 : golden_size(c, c->in, "slots")};
    struct auction_place *places = golden_memory(c, n, sizeof(*places));
    struct auction_result result;
    auction_run(&rules, bid, pctr, n, places, &result);

    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, "invalid");
    golden_is_integers(&want, invalid, invalid_count);
    assert_int_equal(result.invalid, invalid_count);
    const struct json_value *below = golden_member(c, c->expect, "below_floor");
    assert_int_equal(result.below_floor, json_value_size(below));
    assert_int_equal(result.eligible + result.below_floor + result.invalid, n);
    check_places(c, places, result.shown);
}

// A page as the model ranks and prices it, clicked by the truth.
static void check_market(const struct golden_case *c)
{
    size_t n, others, slots;
    const double *bid = golden_doubles(c, golden_member(c, c->in, "bid"), &n);
    const double *p = golden_doubles(c, golden_member(c, c->in, "pctr"), &others);
    const double *truth = golden_doubles(c, golden_member(c, c->in, "pctr_true"), &others);
    const double *position = golden_doubles(c, golden_member(c, c->in, "position"), &slots);
    assert_int_equal(others, n);
    struct market_rules rules = {.auction = {.floor_bid = golden_number(c, c->in, "floor_bid"),
                                             .floor_ecpm = golden_number(c, c->in, "floor_ecpm"),
                                             .gamma = golden_number(c, c->in, "gamma"),
                                             .slots = slots}};
    memcpy(rules.position, position, slots * sizeof(*position));
    struct market_scratch scratch = {golden_memory(c, n, sizeof(struct auction_place)),
                                     golden_memory(c, n, sizeof(double)),
                                     golden_memory(c, n, sizeof(float))};
    float *pctr = golden_memory(c, n, sizeof(*pctr));
    for (size_t i = 0; i < n; i++)
        pctr[i] = served(p[i]);
    struct market_money money = market_page(&rules, bid, pctr, truth, n, &scratch);

    const struct {
        const char *key;
        double got;
    } numbers[] = {{"welfare", money.welfare},
                   {"revenue", money.revenue},
                   {"welfare_true", money.welfare_true},
                   {"revenue_true", money.revenue_true},
                   {"regret", money.welfare_true - money.welfare},
                   {"overcharge", money.overcharge}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, numbers[i].key);
        golden_is_number(&want, numbers[i].got);
    }
    size_t shown = json_value_size(golden_member(c, c->expect, "order"));
    int64_t *order = golden_memory(c, shown, sizeof(*order));
    double *price = golden_memory(c, shown, sizeof(*price));
    for (size_t k = 0; k < shown; k++) {
        order[k] = scratch.places[k].ad;
        price[k] = scratch.places[k].price;
    }
    struct golden_want want = golden_want(c, GOLDEN_F64, c->expect, "order");
    golden_is_integers(&want, order, shown);
    want = golden_want(c, GOLDEN_F64, c->expect, "price");
    golden_is_doubles(&want, price, shown);
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"auction", check_auction, NULL},
        {"market", check_market, NULL},
    };
    return golden_run("auction.json", ops, sizeof(ops) / sizeof(ops[0]));
}
