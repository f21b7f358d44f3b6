// The users and items of made impressions against the header that describes them.
#include "model/train/synth_world.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct synth_world_config small(void)
{
    return (struct synth_world_config){
        .seed = 3, .users = 300, .items = 2000, .categories = 10, .history = 20, .drift = 1};
}

static void make(struct synth_world *world, struct synth_world_config config)
{
    assert_int_equal(synth_world_init(world, &config, NULL), STATUS_OK);
}

static void items_are_near_their_category(void **state)
{
    (void)state;
    struct synth_world world;
    make(&world, small());
    double own = 0, best = 0, quality = 0, square = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        const struct synth_world_item *item = &world.items[i];
        double to_own = synth_world_cosine(item->v, world.categories[item->category].m);
        near_is(synth_world_cosine(item->v, item->v), 1, 1e-12);
        own += to_own / 2000;
        quality += item->quality / 2000;
        square += item->quality * item->quality / 2000;
        bool nearest = true;
        for (uint32_t c = 0; c < 10; c++)
            nearest &= synth_world_cosine(item->v, world.categories[c].m) <= to_own;
        best += nearest;
        assert_in_range(item->popularity_millionths, 1, 1000000);
        assert_true(item->price_cents > 0);
    }
    // unit(sqrt(.7) m + sqrt(.3) g) with g across m has cosine sqrt(.7)
    near_is(own, sqrt(.7), .03);
    assert_true(best > 1200);
    near_is(quality, 0, 5 / sqrt(2000));
    near_is(square, 1, .15);
    synth_world_fini(&world);
}

// The weights are rank^-.8 in any order.
static void popularity_is_a_power_of_the_rank(void **state)
{
    (void)state;
    struct synth_world world;
    make(&world, small());
    double sum = 0;
    uint32_t first = 0;
    for (int rank = 1; rank <= 2000; rank++)
        sum += pow(rank, -.8);
    near_is(world.popular[1999], sum, 1e-9);
    for (uint32_t i = 0; i < 2000; i++)
        if (world.items[i].popularity_millionths == 1000000)
            first = i;
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    int hits = 0;
    for (int draw = 0; draw < 20000; draw++)
        hits += synth_world_choose(&world, &world.users[0], 1, &rng) == first;
    near_is(hits, 20000 / sum, 5 * sqrt(20000 / sum));
    synth_world_fini(&world);
}

static void many_draws_come_near_an_interest(void **state)
{
    (void)state;
    struct synth_world world;
    make(&world, small());
    double near[2] = {0};
    for (uint32_t u = 0; u < 300; u++)
        for (int choosy = 0; choosy < 2; choosy++) {
            struct rng rng;
            rng_start(&rng, 1, RNG_TEST, u, 0);
            uint32_t item = synth_world_choose(&world, &world.users[u], choosy ? 12 : 1, &rng);
            double best = -1;
            for (size_t k = 0; k < SYNTH_WORLD_INTERESTS; k++)
                best = fmax(best, synth_world_cosine(world.users[u].z[k], world.items[item].v));
            near[choosy] += best / 300;
        }
    assert_true(near[1] > near[0] + .2);
    synth_world_fini(&world);
}

static void the_history_is_the_last_reads_in_order(void **state)
{
    (void)state;
    struct synth_world world;
    struct synth_world_config config = small();
    uint32_t items[3];
    config.history = 3;
    make(&world, config);
    world.users[5].reads = 0;
    for (uint32_t n = 0; n < 20; n++) {
        size_t count = synth_world_history(&world, 5, items);
        assert_int_equal(count, n < 3 ? n : 3);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(items[i], 100 + n - count + i);
        synth_world_read(&world, 5, 100 + n);
    }
    synth_world_fini(&world);
    config.history = 0;
    make(&world, config);
    synth_world_read(&world, 5, 1);
    assert_int_equal(synth_world_history(&world, 5, items), 0);
    synth_world_fini(&world);
}

static void everybody_begins_with_a_history(void **state)
{
    (void)state;
    struct synth_world world;
    uint32_t items[20];
    make(&world, small());
    double sum = 0;
    for (uint32_t u = 0; u < 300; u++)
        sum += (double)synth_world_history(&world, u, items) / 300;
    assert_true(sum > 8 && sum < 13); // a draw from 0..20, and what the last reads were too many
    synth_world_fini(&world);
}

// Each interest of a user changes with chance .05 drift.
static void interests_drift(void **state)
{
    (void)state;
    static const double drifts[] = {0, 4, 20};
    for (size_t d = 0; d < 3; d++) {
        struct synth_world world;
        struct synth_world_config config = small();
        config.drift = drifts[d];
        make(&world, config);
        int changed = 0;
        for (uint32_t u = 0; u < 300; u++) {
            struct synth_world_user before = world.users[u];
            struct rng rng;
            rng_start(&rng, 1, RNG_TEST, u, 0);
            synth_world_live(&world, u, &rng);
            for (size_t k = 0; k < SYNTH_WORLD_INTERESTS; k++)
                changed += memcmp(before.z[k], world.users[u].z[k], sizeof(before.z[k])) != 0;
        }
        double chance = .05 * drifts[d];
        near_is(changed, 900 * chance, 5 * sqrt(900 * chance * (1 - chance)));
        synth_world_fini(&world);
    }
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct synth_world_config config;
    } bad[] = {
        {"users", {.users = 0, .items = 9, .categories = 1}},
        {"items", {.users = 1, .items = SYNTH_WORLD_MAX_ITEMS + 1, .categories = 1}},
        {"categories", {.users = 1, .items = 9, .categories = 1001}},
        {"history", {.users = 1, .items = 9, .categories = 1, .history = 1001}},
        {"history", {.users = 10000000, .items = 9, .categories = 1, .history = 1000}},
        {"drift", {.users = 1, .items = 9, .categories = 1, .drift = -1}},
        {"drift", {.users = 1, .items = 9, .categories = 1, .drift = NAN}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct synth_world world;
        struct diag diag = {0};
        assert_int_equal(synth_world_init(&world, &bad[i].config, &diag), STATUS_INVALID);
        assert_string_equal(diag.path, bad[i].path);
        synth_world_fini(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_near_their_category),
        cmocka_unit_test(popularity_is_a_power_of_the_rank),
        cmocka_unit_test(many_draws_come_near_an_interest),
        cmocka_unit_test(the_history_is_the_last_reads_in_order),
        cmocka_unit_test(everybody_begins_with_a_history),
        cmocka_unit_test(interests_drift),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("synth_world", tests, NULL, NULL);
}
