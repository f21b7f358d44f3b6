// A made page against the formulas of its header, written here a second time.
#include "model/train/synth_fit.h"
#include "model/train/synth_tally.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct synth_world world;
    struct synth_visit_config config;
    struct synth_visit visit;
};

static void place_make(struct place *place, struct synth_visit_config config, uint32_t items)
{
    const struct synth_world_config world = {
        .seed = 2, .users = 200, .items = items, .categories = 8, .history = 10, .drift = 1};
    place->config = config;
    assert_int_equal(synth_world_init(&place->world, &world, NULL), STATUS_OK);
    assert_int_equal(synth_visit_init(&place->visit, &config, &place->world, NULL), STATUS_OK);
}

static void place_free(struct place *place)
{
    synth_visit_fini(&place->visit);
    synth_world_fini(&place->world);
}

static void show(struct place *place, uint32_t page, struct rng *rng)
{
    rng_start(rng, 1, RNG_TEST, page, 0);
    synth_visit_arrive(&place->visit, &place->world, rng);
    place->visit.hour = page % 24;
    synth_visit_show(&place->visit, &place->config, &place->world, rng);
}

static double relevance_of(const struct place *place, uint32_t item)
{
    static const double weights[] = {.5, .3, .2};
    const struct synth_world_user *user = &place->world.users[place->visit.user];
    const struct synth_world_item *it = &place->world.items[item];
    double near = 0;
    for (int k = 0; k < 3; k++) {
        double cosine = 0;
        for (int d = 0; d < SYNTH_WORLD_DIMENSIONS; d++)
            cosine += user->z[k][d] * it->v[d];
        near += weights[k] * exp(4 * cosine);
    }
    double turn = (place->visit.hour - place->world.categories[it->category].hour) / 24;
    return 1.5 * log(near) + it->quality / 2 - .3 * user->thrift * it->price +
           .25 * cos(2 * acos(-1) * turn);
}

// Mean relevance of the others, and the share of them in the same category.
static void others_of(const struct place *place, size_t i, double *mean, double *same)
{
    const struct synth_visit *visit = &place->visit;
    *mean = *same = 0;
    for (size_t j = 0; j < visit->count; j++)
        if (j != i) {
            const struct synth_world_item *items = place->world.items;
            *mean += relevance_of(place, visit->ads[j].item) / (double)(visit->count - 1);
            *same += (items[visit->ads[j].item].category == items[visit->ads[i].item].category) /
                     (double)(visit->count - 1);
        }
}

static void probabilities_follow_the_formula(void **state)
{
    (void)state;
    static const double devices[] = {0, -.25, .25};
    const struct synth_visit_fit fit = {.b = -3, .mean_others = 1.5, .mean_same = .25};
    for (int strength = 0; strength < 3; strength++) {
        struct place place;
        struct rng rng;
        place_make(
            &place,
            (struct synth_visit_config){
                .page_min = 1, .page_max = 7, .position = .5 * strength, .neighbours = strength},
            500);
        for (uint32_t page = 0; page < 200; page++) {
            show(&place, page, &rng);
            synth_visit_click(&place.visit, &place.config, &fit, &place.world, &rng);
            const double user = place.world.users[place.visit.user].bias;
            for (size_t i = 0; i < place.visit.count; i++) {
                const struct synth_visit_ad *ad = &place.visit.ads[i];
                double mean, same;
                others_of(&place, i, &mean, &same);
                double f = -3 + user + devices[place.visit.device] + relevance_of(&place, ad->item);
                double e = place.visit.count == 1
                               ? 0
                               : -strength * (.8 * (mean - 1.5) + 1.5 * (same - .25));
                near_is(ad->appeal, 1 / (1 + exp(-f)), 1e-12);
                near_is(ad->p, pow((double)i + 1, -.5 * strength) / (1 + exp(-f - e)), 1e-12);
                if (strength == 0)
                    near_is(ad->p, ad->appeal, 0); // the control: nothing depends on the page
            }
        }
        place_free(&place);
    }
}

static void a_page_is_the_best_of_its_pool(void **state)
{
    (void)state;
    struct place place;
    struct rng rng;
    place_make(&place, (struct synth_visit_config){.page_min = 2, .page_max = 5}, 500);
    size_t sizes[6] = {0};
    double shown = 0, pool = 0, first = 0, last = 0;
    for (uint32_t page = 0; page < 400; page++) {
        show(&place, page, &rng);
        const size_t n = place.visit.count;
        assert_in_range(n, 2, 5);
        sizes[n]++;
        for (size_t i = 0; i < SYNTH_VISIT_POOL * n; i++) {
            double r = place.visit.ads[i].relevance;
            near_is(r, relevance_of(&place, place.visit.ads[i].item), 1e-12);
            *(i < n ? &shown : &pool) += r / (double)(i < n ? n : (SYNTH_VISIT_POOL - 1) * n);
            for (size_t j = 0; j < i; j++) {
                assert_true(place.visit.ads[j].item != place.visit.ads[i].item);
                assert_true(i >= n || place.visit.ads[j].score >= place.visit.ads[i].score);
            }
        }
        first += place.visit.ads[0].relevance;
        last += place.visit.ads[n - 1].relevance;
    }
    for (int n = 2; n <= 5; n++)
        near_is((double)sizes[n], 100, 5 * sqrt(400 * .25 * .75));
    assert_true(shown / 400 > pool / 400 + .5);
    assert_true(first / 400 > last / 400 + .3);
    place_free(&place);
}

// As many items as the pool holds: all of them are in it.
static void few_items_are_enough(void **state)
{
    (void)state;
    struct place place;
    struct rng rng;
    place_make(&place, (struct synth_visit_config){.page_min = 5, .page_max = 5}, 20);
    show(&place, 0, &rng);
    uint32_t seen = 0;
    for (size_t i = 0; i < 20; i++)
        seen |= 1u << place.visit.ads[i].item;
    assert_int_equal(seen, (1u << 20) - 1);
    place_free(&place);
}

static void fitted_means_and_rate(void **state)
{
    (void)state;
    struct place place;
    struct synth_visit_fit fit;
    struct rng rng;
    place_make(
        &place,
        (struct synth_visit_config){.page_min = 3, .page_max = 6, .position = .7, .neighbours = 2},
        500);
    assert_int_equal(synth_fit(&place.visit, &place.config, &place.world, .1, &fit, NULL),
                     STATUS_OK);
    double p = 0, mean_sum = 0, same_sum = 0, n = 0;
    for (uint32_t page = 0; page < 6000; page++) {
        show(&place, page, &rng);
        synth_visit_click(&place.visit, &place.config, &fit, &place.world, &rng);
        for (size_t i = 0; i < place.visit.count; i++, n++) {
            double mean, same;
            others_of(&place, i, &mean, &same);
            p += place.visit.ads[i].p;
            mean_sum += mean;
            same_sum += same;
        }
    }
    near_is(p / n, .1, .006);
    near_is(mean_sum / n, fit.mean_others, .05);
    near_is(same_sum / n, fit.mean_same, .02);
    struct diag diag = {0};
    place.config.position = 3;
    assert_int_equal(synth_fit(&place.visit, &place.config, &place.world, .45, &fit, &diag),
                     STATUS_INVALID);
    assert_string_equal(diag.path, "click_rate");
    place_free(&place);
}

// Two ads of equal f and one apart, worked by hand.
static void tally_by_hand(void **state)
{
    (void)state;
    struct synth_visit_ad ads[] = {
        {.logit = 1, .p = .5, .click = true}, {.logit = 1, .p = .25}, {.logit = 2, .p = .125}};
    const struct synth_visit visit = {.count = 3, .ads = ads};
    struct synth_tally tally = {0};
    synth_tally_add(&tally, &visit, -4);
    assert_int_equal(tally.pages, 1);
    assert_int_equal(tally.ads, 3);
    assert_int_equal(tally.clicks, 1);
    const double h125 = -.125 * log(.125) - .875 * log(.875);
    const double h25 = -.25 * log(.25) - .75 * log(.75),
                 h375 = -.375 * log(.375) - .625 * log(.625);
    const double rate = .875 / 3;
    near_is(synth_tally_logloss(&tally), (log(2) + h25 + h125) / 3, 1e-12);
    near_is(synth_tally_appeal_logloss(&tally), (2 * h375 + h125) / 3, 1e-12);
    near_is(synth_tally_rate_logloss(&tally), -rate * log(rate) - (1 - rate) * log(1 - rate),
            1e-12);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct synth_visit_config config;
    } bad[] = {
        {"page", {.page_min = 0, .page_max = 5}},
        {"page", {.page_min = 6, .page_max = 5}},
        {"page", {.page_min = 1, .page_max = 257}},
        {"items", {.page_min = 1, .page_max = 11}},
        {"position", {.page_min = 1, .page_max = 5, .position = 3.5}},
        {"neighbours", {.page_min = 1, .page_max = 5, .neighbours = NAN}},
    };
    struct place place;
    place_make(&place, (struct synth_visit_config){.page_min = 1, .page_max = 10}, 40);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct synth_visit visit;
        struct diag diag = {0};
        assert_int_equal(synth_visit_init(&visit, &bad[i].config, &place.world, &diag),
                         STATUS_INVALID);
        assert_string_equal(diag.path, bad[i].path);
        synth_visit_fini(&visit);
    }
    place_free(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probabilities_follow_the_formula),
        cmocka_unit_test(a_page_is_the_best_of_its_pool),
        cmocka_unit_test(few_items_are_enough),
        cmocka_unit_test(fitted_means_and_rate),
        cmocka_unit_test(tally_by_hand),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("synth_visit", tests, NULL, NULL);
}
