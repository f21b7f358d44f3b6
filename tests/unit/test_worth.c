// Two pages of two ads, worked by hand: errors and money of a whole set.
#include "model/train/worth.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Page 0: P .5, .25, and the model says .5 of both. Page 1: P .25, .5, and the model says the
// reverse (-ln 3 is the logit of .25). All bid 1, one ad a page is shown.
static double truth[] = {.5, .25, .25, .5}, ones[] = {1, 1, 1, 1};
static const struct known at_one = {.truth = truth, .bid = ones}, bare = {.truth = truth};
static const struct calibrate identity;

struct pages {
    uint32_t list[2];
    uint64_t offset[3];
    float logit[4];
    struct scoreset set;
};

static struct scoreset *pages_make(struct pages *pages)
{
    *pages = (struct pages){.list = {0, 1}, .offset = {0, 2, 4}, .logit = {0, 0, 0, -1.09861229F}};
    pages->set = (struct scoreset){
        .list = pages->list, .lists = 2, .docs = 4, .offset = pages->offset, .logit = pages->logit};
    return &pages->set;
}

static struct market_config one_slot(void)
{
    struct market_config config = market_defaults();
    config.slots = 1;
    return config;
}

static void errors_are_against_the_truth(const struct worth *worth)
{
    // p - P: 0, .25, .25, -.25
    near_is(worth->true_error, sqrt(3 * .0625 / 4), 1e-7);
    near_is(worth->true_bias, .0625, 1e-7);
    near_is(worth->true_kl,
            (2 * (.25 * log(.5) + .75 * log(1.5)) + .5 * log(2) + .5 * log(2 / 3.)) / 4, 1e-7);
}

// Page 0: the tie goes to the first, which is right, but it pays its bid and not .25/.5.
// Page 1: the wrong ad leads and pays .25/.5; under the truth the other one would have.
static void money_is_per_thousand_pages(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    const struct market_config config = one_slot();
    assert_int_equal(worth_measure(&config, pages_make(&pages), &identity, &at_one, &worth, NULL),
                     STATUS_OK);
    errors_are_against_the_truth(&worth);
    assert_true(worth.has_money);
    near_is(worth.welfare, (.5 + .25) * 500, 1e-4);
    near_is(worth.regret, .25 * 500, 1e-4);
    near_is(worth.regret_percent, 25, 1e-5);
    near_is(worth.revenue, (.5 * 1 + .25 * .5) * 500, 1e-4);
    near_is(worth.revenue_percent, 125, 1e-5);
    near_is(worth.overcharge, .5 * (1 - .5) * 500, 1e-4);
    near_is(worth.overcharge_percent, 50, 1e-5);
}

static void the_map_of_the_model_counts(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    const struct market_config config = one_slot();
    const struct calibrate higher = {.kind = CALIBRATE_OFFSET, .intercept = 1.0986122886681098};
    // p: .75, .75, .75, .5
    assert_int_equal(worth_measure(&config, pages_make(&pages), &higher, &at_one, &worth, NULL),
                     STATUS_OK);
    near_is(worth.true_bias, (.25 + .5 + .5 + 0) / 4, 1e-7);
    near_is(worth.revenue, (.5 * 1 + .25 * (.5 / .75)) * 500, 1e-4);
}

// What is looked at in a neutral place clicks in the auction; the errors stay against the truth.
static void money_is_clicked_by_the_appeal(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    const struct market_config config = one_slot();
    double appeal[] = {.125, .5, .75, .25};
    const struct known known = {.truth = truth, .appeal = appeal, .bid = ones};
    assert_int_equal(worth_measure(&config, pages_make(&pages), &identity, &known, &worth, NULL),
                     STATUS_OK);
    errors_are_against_the_truth(&worth);
    // Page 0: the tie goes to the first, .125, at its bid; page 1: the right ad leads at .25/.5.
    near_is(worth.welfare, (.125 + .75) * 500, 1e-4);
    near_is(worth.regret, (.5 - .125) * 500, 1e-4);
    near_is(worth.revenue, (.125 * 1 + .75 * .5) * 500, 1e-4);
    near_is(worth.overcharge, .75 * (.5 - .25 / .75) * 500, 1e-4);
}

static void bids_are_drawn_where_none_are_given(void **state)
{
    (void)state;
    struct pages pages;
    struct worth drawn, given;
    struct market_config config = one_slot();
    double bid[4];
    config.bid_seed = 7;
    market_bids(&config, pages_make(&pages), bid);
    assert_int_equal(worth_measure(&config, &pages.set, &identity, &bare, &drawn, NULL), STATUS_OK);
    assert_int_equal(worth_measure(&config, &pages.set, &identity,
                                   &(struct known){.truth = truth, .bid = bid}, &given, NULL),
                     STATUS_OK);
    near_is(drawn.welfare, given.welfare, 0);
    near_is(drawn.overcharge, given.overcharge, 0);
    config.bid_seed = 8;
    assert_int_equal(worth_measure(&config, &pages.set, &identity, &bare, &given, NULL), STATUS_OK);
    assert_true(drawn.welfare != given.welfare);
}

static void without_an_auction_there_is_no_money(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    const char *const *names;
    double values[WORTH_VALUES];
    const struct market_config config = one_slot();
    assert_int_equal(worth_measure(NULL, pages_make(&pages), &identity, &bare, &worth, NULL),
                     STATUS_OK);
    errors_are_against_the_truth(&worth);
    assert_int_equal(worth_values(&worth, &names, values), 3);
    assert_string_equal(names[2], "true_kl");
    near_is(values[2], worth.true_kl, 0);
    assert_int_equal(worth_measure(&config, &pages.set, &identity, &at_one, &worth, NULL),
                     STATUS_OK);
    assert_int_equal(worth_values(&worth, &names, values), WORTH_VALUES);
    assert_string_equal(names[9], "overcharge_percent");
    near_is(values[9], worth.overcharge_percent, 0);
}

static void a_share_of_nothing_is_undefined(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    struct market_config config = one_slot();
    config.floor_bid = 2;
    assert_int_equal(worth_measure(&config, pages_make(&pages), &identity, &at_one, &worth, NULL),
                     STATUS_OK);
    near_is(worth.welfare, 0, 0);
    near_is(worth.regret, 0, 0);
    assert_true(isnan(worth.regret_percent) && isnan(worth.revenue_percent) &&
                isnan(worth.overcharge_percent));
    struct json_value *map = json_value_new_map();
    worth_set(&worth, map);
    assert_int_equal(json_value_kind(json_value_get(map, "regret_percent")), JSON_VALUE_NULL);
    near_is(json_value_number(json_value_get(map, "true_bias")), worth.true_bias, 0);
    json_value_free(map);
}

// A floor on eCPM that only an overrated ad meets: money that the truth would not have made.
static void a_floor_is_met_by_overrating(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    struct market_config config = one_slot();
    config.floor_ecpm = 600;
    const struct calibrate higher = {.kind = CALIBRATE_OFFSET, .intercept = 1.0986122886681098};
    assert_int_equal(worth_measure(&config, pages_make(&pages), &higher, &at_one, &worth, NULL),
                     STATUS_OK);
    near_is(worth.welfare, (.5 + .25) * 500, 1e-4);
    near_is(worth.regret, -(.5 + .25) * 500, 1e-4);
    assert_true(isnan(worth.regret_percent)); // not minus infinity
}

static void a_score_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    struct pages pages;
    struct worth worth;
    struct diag diag = {0};
    const struct market_config config = one_slot();
    pages_make(&pages)->logit[3] = NAN;
    assert_int_equal(worth_measure(&config, &pages.set, &identity, &at_one, &worth, &diag),
                     STATUS_NOT_FINITE);
    assert_non_null(strstr(diag.words, status_text(STATUS_NOT_FINITE)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_per_thousand_pages),
        cmocka_unit_test(the_map_of_the_model_counts),
        cmocka_unit_test(money_is_clicked_by_the_appeal),
        cmocka_unit_test(bids_are_drawn_where_none_are_given),
        cmocka_unit_test(without_an_auction_there_is_no_money),
        cmocka_unit_test(a_share_of_nothing_is_undefined),
        cmocka_unit_test(a_floor_is_met_by_overrating),
        cmocka_unit_test(a_score_that_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests_name("worth", tests, NULL, NULL);
}
