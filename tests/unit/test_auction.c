// The auction's properties, by brute force on the result; prices of small pages by hand.
#include "base/rng.h"
#include "model/auction.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 10000 };

struct page {
    size_t n;
    double bid[MOST];
    float pctr[MOST];
    struct auction_place places[MOST];
    struct auction_result result;
};

static void run(struct page *page, const struct auction_rules *rules)
{
    auction_run(rules, page->bid, page->pctr, page->n, page->places, &page->result);
}

static void draw(struct page *page, size_t n, uint32_t variant)
{
    struct rng rng;
    rng_start(&rng, 3, RNG_TEST, (uint32_t)n, variant);
    page->n = n;
    for (size_t i = 0; i < n; i++) {
        page->bid[i] = 0.01 + 3 * rng_uniform(&rng);
        page->pctr[i] = (float)(1e-4 + 0.3 * rng_uniform(&rng));
    }
}

static void draw_ties(struct page *page, size_t n)
{
    struct rng rng;
    rng_start(&rng, 4, RNG_TEST, (uint32_t)n, 0);
    page->n = n;
    for (size_t i = 0; i < n; i++) {
        page->bid[i] = (double)(1 + rng_below(&rng, 4));
        page->pctr[i] = 0.0625F * (float)(1 + rng_below(&rng, 4));
    }
}

static void test_by_hand(void **state)
{
    (void)state;
    struct auction_place places[3];
    struct auction_result result;
    const double bid[] = {1, 4, 2};
    const float pctr[] = {0.5F, 0.25F, 0.125F}; // eCPM 500, 1000, 250
    const struct auction_rules rules = {.gamma = 1, .slots = 2};
    auction_run(&rules, bid, pctr, 3, places, &result);
    assert_int_equal(result.eligible, 3);
    assert_int_equal(result.shown, 2);
    assert_int_equal(places[0].ad, 1);
    assert_int_equal(places[1].ad, 0);
    assert_int_equal(places[2].ad, 2);
    assert_true(places[0].ecpm == 1000 && places[0].score == 1 && places[0].price == 2);
    assert_true(places[1].ecpm == 500 && places[1].price == 0.5); // of the ad that is not shown
    assert_true(places[2].price == 0);
    assert_int_equal(places[0].binding, AUCTION_NEXT);
    assert_int_equal(places[2].binding, AUCTION_NONE);

    const struct auction_rules by_bid = {.gamma = 0};
    auction_run(&by_bid, bid, pctr, 3, places, &result);
    assert_int_equal(result.shown, 3);
    assert_int_equal(places[0].ad, 1);
    assert_int_equal(places[1].ad, 2);
    assert_true(places[0].price == 2 && places[1].price == 1 && places[2].price == 0);

    const struct auction_rules squashed = {.gamma = 0.5}; // .707, 2, .707: the higher pctr first
    auction_run(&squashed, bid, pctr, 3, places, &result);
    assert_int_equal(places[1].ad, 0);
    near_is(places[0].price, sqrt(2), 1e-15);
    near_is(places[1].price, 1, 1e-15);
}

static void test_floors(void **state)
{
    (void)state;
    struct auction_place places[3];
    struct auction_result result;
    const double bid[] = {0.5, 0.25, 2};
    const float pctr[] = {0.5F, 0.5F, 0.03125F}; // eCPM 250, 125, 62.5
    struct auction_rules rules = {.gamma = 1, .floor_bid = 0.5, .floor_ecpm = 62.5};
    auction_run(&rules, bid, pctr, 3, places, &result);
    assert_int_equal(result.eligible, 2); // both floors are met by equality
    assert_int_equal(result.below_floor, 1);
    assert_int_equal(places[0].ad, 0);
    assert_true(places[0].price == 0.5 && places[0].binding == AUCTION_FLOOR_BID);
    assert_int_equal(places[1].ad, 2);
    assert_true(places[1].price == 2 && places[1].binding == AUCTION_FLOOR_ECPM);

    rules.floor_ecpm = nextafter(62.5, 63);
    auction_run(&rules, bid, pctr, 3, places, &result);
    assert_int_equal(result.eligible, 1);
    rules.floor_bid = nextafter(0.5, 1);
    auction_run(&rules, bid, pctr, 3, places, &result);
    assert_int_equal(result.eligible, 0);
    assert_int_equal(result.shown, 0);
    assert_int_equal(result.below_floor, 3);
}

static void test_invalid(void **state)
{
    (void)state;
    const double bid[] = {1, -1, NAN, INFINITY, 1, 1, 1, 1, 1e306, 0};
    const float pctr[] = {0.5F, 0.5F, 0.5F, 0.5F, NAN, INFINITY, -0.1F, 1.5F, 0.5F, 0.5F};
    enum { ADS = 10 };
    struct auction_place places[ADS];
    struct auction_result result;
    const struct auction_rules rules = {.gamma = 1};
    auction_run(&rules, bid, pctr, ADS, places, &result);
    assert_int_equal(result.invalid, 8);
    assert_int_equal(result.below_floor, 0);
    assert_int_equal(result.eligible, 2);
    assert_int_equal(places[0].ad, 0);
    assert_int_equal(places[1].ad, 9); // a bid of 0 comes last and pays 0
    assert_true(places[1].price == 0);
    for (size_t i = 0; i < ADS; i++)
        assert_int_equal(auction_valid(bid[i], pctr[i]), i == 0 || i == 9);
    auction_run(&rules, bid, pctr, 0, places, &result);
    assert_int_equal(result.eligible + result.invalid + result.below_floor + result.shown, 0);
}

// Sorted by the rule, each ad once.
static void check_order(const struct page *page)
{
    bool *seen = calloc(page->n, sizeof(*seen));
    assert_non_null(seen);
    for (size_t k = 0; k < page->result.eligible; k++) {
        const struct auction_place *b = &page->places[k];
        assert_false(seen[b->ad]);
        seen[b->ad] = true;
        if (k == 0)
            continue;
        const struct auction_place *a = b - 1;
        const float pa = page->pctr[a->ad], pb = page->pctr[b->ad];
        assert_true(a->score > b->score ||
                    (a->score == b->score && (pa > pb || (pa == pb && a->ad < b->ad))));
    }
    free(seen);
}

static void test_order(void **state)
{
    struct page *page = *state;
    static const size_t sizes[] = {1, 2, 3, 4, 5, 17, 100, MOST};
    static const double gammas[] = {1, 0, 0.5, 1.5};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        for (size_t g = 0; g < 4; g++) {
            const struct auction_rules rules = {.gamma = gammas[g]};
            draw(page, sizes[k], 0);
            run(page, &rules);
            assert_int_equal(page->result.eligible, sizes[k]);
            check_order(page);
            draw_ties(page, sizes[k]);
            run(page, &rules);
            assert_int_equal(page->result.eligible, sizes[k]);
            check_order(page);
        }
    }
}

static size_t place_of(const struct page *page, uint32_t ad)
{
    for (size_t k = 0; k < page->result.eligible; k++)
        if (page->places[k].ad == ad)
            return k;
    return SIZE_MAX;
}

// The price is the least bid that keeps the place and clears the floors: a little more keeps it, a
// little less loses it.
static void test_least_bid(void **state)
{
    struct page *page = *state;
    static const double gammas[] = {1, 0.5, 0, 1.5};
    for (uint32_t variant = 0; variant < 40; variant++) {
        const struct auction_rules rules = {.gamma = gammas[variant % 4],
                                            .floor_bid = variant % 3 == 0 ? 0.4 : 0,
                                            .floor_ecpm = variant % 5 == 0 ? 30 : 0};
        draw(page, 30, variant);
        run(page, &rules);
        struct auction_place before[30];
        const size_t eligible = page->result.eligible;
        memcpy(before, page->places, eligible * sizeof(before[0]));
        for (size_t k = 0; k < eligible; k++) {
            const uint32_t ad = before[k].ad;
            const double own = page->bid[ad], price = before[k].price;
            assert_true(price <= own);
            page->bid[ad] = price * (1 + 1e-9);
            run(page, &rules);
            assert_int_equal(place_of(page, ad), k);
            page->bid[ad] = price * (1 - 1e-9);
            run(page, &rules);
            if (price > 0)
                assert_true(place_of(page, ad) > k);
            page->bid[ad] = own;
        }
    }
}

// Two ads alike: the price is the own bid, also where the division rounds above it.
static void test_never_above_bid(void **state)
{
    struct page *page = *state;
    const struct auction_rules rules = {.gamma = 1};
    size_t rounded_up = 0;
    for (uint32_t variant = 0; variant < 1000; variant++) {
        draw(page, 2, variant);
        page->bid[1] = page->bid[0];
        page->pctr[1] = page->pctr[0];
        run(page, &rules);
        const double p = (double)page->pctr[0], bid = page->bid[0];
        rounded_up += 1000.0 * p * bid / (1000.0 * p) > bid;
        assert_true(page->places[0].price <= bid);
        near_is(page->places[0].price, bid, 1e-15 * bid);
    }
    assert_true(rounded_up > 0);
}

static void test_permuted(void **state)
{
    struct page *page = *state;
    enum { ADS = 100 };
    draw(page, ADS, 0);
    const struct auction_rules rules = {.gamma = 1, .floor_ecpm = 20};
    run(page, &rules);
    struct page *mixed = calloc(1, sizeof(*mixed));
    assert_non_null(mixed);
    uint32_t order[ADS];
    struct rng rng;
    rng_start(&rng, 5, RNG_TEST, 0, 0);
    for (uint32_t i = 0; i < ADS; i++)
        order[i] = i;
    rng_shuffle_u32(&rng, order, ADS);
    mixed->n = ADS;
    for (size_t i = 0; i < ADS; i++) {
        mixed->bid[i] = page->bid[order[i]];
        mixed->pctr[i] = page->pctr[order[i]];
    }
    run(mixed, &rules);
    assert_int_equal(mixed->result.eligible, page->result.eligible);
    for (size_t k = 0; k < page->result.eligible; k++) {
        assert_int_equal(order[mixed->places[k].ad], page->places[k].ad);
        assert_true(mixed->places[k].price == page->places[k].price);
        assert_true(mixed->places[k].ecpm == page->places[k].ecpm);
    }
    free(mixed);
}

static void test_by_pctr(void **state)
{
    (void)state;
    const float pctr[] = {0.25F, NAN, 0.5F, 0.25F, 0.75F};
    struct auction_place places[5];
    struct auction_result result;
    auction_by_pctr(pctr, 5, 3, places, &result);
    assert_int_equal(result.invalid, 1);
    assert_int_equal(result.eligible, 4);
    assert_int_equal(result.shown, 3);
    const uint32_t want[] = {4, 2, 0, 3};
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(places[k].ad, want[k]);
        assert_true(places[k].score == (double)pctr[want[k]]);
        assert_true(places[k].ecpm == 0 && places[k].price == 0);
        assert_int_equal(places[k].binding, AUCTION_NONE);
    }
}

int main(void)
{
    struct page *page = calloc(1, sizeof(*page));
    if (page == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_floors),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test_prestate(test_order, page),
        cmocka_unit_test_prestate(test_least_bid, page),
        cmocka_unit_test_prestate(test_never_above_bid, page),
        cmocka_unit_test_prestate(test_permuted, page),
        cmocka_unit_test(test_by_pctr),
    };
    int failures = cmocka_run_group_tests_name("auction", tests, NULL, NULL);
    free(page);
    return failures;
}
