#include "model/train/synth_world.h"

#include <math.h>
#include <stdlib.h>

enum {
    WORLD_READ_DRAWS = 24, // how choosy a reader is
    WORLD_MAX_READS = 10,  // between two visits
};

const double synth_world_weights[SYNTH_WORLD_INTERESTS] = {.5, .3, .2};

static void world_unit(double *x)
{
    double square = 0;
    for (size_t d = 0; d < SYNTH_WORLD_DIMENSIONS; d++)
        square += x[d] * x[d];
    for (size_t d = 0; d < SYNTH_WORLD_DIMENSIONS; d++)
        x[d] /= sqrt(square);
}

static void world_direction(struct rng *rng, double *x)
{
    for (size_t d = 0; d < SYNTH_WORLD_DIMENSIONS; d++)
        x[d] = rng_normal(rng);
    world_unit(x);
}

// unit(a m + b g)
static void world_near(struct rng *rng, const double *m, double a, double b, double *x)
{
    world_direction(rng, x);
    for (size_t d = 0; d < SYNTH_WORLD_DIMENSIONS; d++)
        x[d] = a * m[d] + b * x[d];
    world_unit(x);
}

double synth_world_cosine(const double *a, const double *b)
{
    double sum = 0;
    for (size_t d = 0; d < SYNTH_WORLD_DIMENSIONS; d++)
        sum += a[d] * b[d];
    return sum;
}

// By weights whose running sums are given.
static uint32_t world_draw(const double *sums, uint32_t count, struct rng *rng)
{
    double at = rng_uniform(rng) * sums[count - 1];
    uint32_t low = 0, high = count - 1; // the first whose sum is above `at`
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sums[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint32_t synth_world_visitor(const struct synth_world *world, struct rng *rng)
{
    return world_draw(world->active, world->config.users, rng);
}

uint32_t synth_world_choose(const struct synth_world *world, const struct synth_world_user *user,
                            unsigned draws, struct rng *rng)
{
    double at = rng_uniform(rng), best = -2;
    size_t k = 0;
    for (; k + 1 < SYNTH_WORLD_INTERESTS && at >= synth_world_weights[k]; k++)
        at -= synth_world_weights[k];
    uint32_t chosen = 0;
    for (unsigned draw = 0; draw < draws; draw++) {
        uint32_t item = world_draw(world->popular, world->config.items, rng);
        double near = synth_world_cosine(user->z[k], world->items[item].v);
        if (near > best) {
            best = near;
            chosen = item;
        }
    }
    return chosen;
}

static void world_take_interest(const struct synth_world *world, struct synth_world_user *user,
                                size_t k, struct rng *rng)
{
    uint32_t category = rng_uniform(rng) < .5
                            ? world->segment_likes[user->segment][rng_below(rng, 4)]
                            : (uint32_t)rng_below(rng, world->config.categories);
    world_near(rng, world->categories[category].m, 1, .5, user->z[k]);
}

void synth_world_live(struct synth_world *world, uint32_t user, struct rng *rng)
{
    struct synth_world_user *who = &world->users[user];
    for (size_t k = 0; k < SYNTH_WORLD_INTERESTS; k++)
        if (rng_uniform(rng) < .05 * world->config.drift)
            world_take_interest(world, who, k, rng);
    double reads = fmin(-2 * log(1 - rng_uniform(rng)), WORLD_MAX_READS);
    for (unsigned read = 0; read < (unsigned)reads; read++)
        synth_world_read(world, user, synth_world_choose(world, who, WORLD_READ_DRAWS, rng));
}

void synth_world_read(struct synth_world *world, uint32_t user, uint32_t item)
{
    const uint32_t room = world->config.history;
    if (room == 0)
        return;
    struct synth_world_user *who = &world->users[user];
    world->history[(size_t)user * room + who->reads % room] = item;
    // Beyond the first round only the place in the ring counts.
    who->reads = who->reads + 1 == 2 * room ? room : who->reads + 1;
}

size_t synth_world_history(const struct synth_world *world, uint32_t user, uint32_t *items)
{
    const uint32_t room = world->config.history, reads = world->users[user].reads;
    const uint32_t count = reads < room ? reads : room;
    for (uint32_t i = 0; i < count; i++)
        items[i] = world->history[(size_t)user * room + (reads - count + i) % room];
    return count;
}

// ---- making ----

static void world_make_frame(struct synth_world *world)
{
    struct rng rng;
    rng_start(&rng, world->config.seed, RNG_SYNTH, 0, SYNTH_WORLD_FRAME);
    for (uint32_t c = 0; c < world->config.categories; c++) {
        world_direction(&rng, world->categories[c].m);
        world->categories[c].price_level = rng_normal(&rng);
        world->categories[c].hour = 24 * rng_uniform(&rng);
    }
    for (size_t s = 0; s < SYNTH_WORLD_SEGMENTS; s++) {
        world->segment_thrift[s] = .7 * rng_normal(&rng);
        for (size_t i = 0; i < 4; i++)
            world->segment_likes[s][i] = (uint32_t)rng_below(&rng, world->config.categories);
    }
}

MUST_USE static enum status world_make_items(struct synth_world *world)
{
    const uint32_t count = world->config.items;
    uint32_t *rank = calloc(count, sizeof(*rank));
    if (rank == NULL)
        return STATUS_NO_MEMORY;
    struct rng rng;
    rng_start(&rng, world->config.seed, RNG_SYNTH, 1, SYNTH_WORLD_FRAME);
    for (uint32_t i = 0; i < count; i++)
        rank[i] = i;
    rng_shuffle_u32(&rng, rank, count);
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct synth_world_item *item = &world->items[i];
        rng_start(&rng, world->config.seed, RNG_SYNTH, i, SYNTH_WORLD_ITEM);
        item->category = (uint32_t)rng_below(&rng, world->config.categories);
        const struct synth_world_category *category = &world->categories[item->category];
        world_near(&rng, category->m, sqrt(.7), sqrt(.3), item->v);
        // Even over the ranks, of variance 1: the popular are a little better.
        double place = sqrt(3) * (1 - (2 * (double)rank[i] + 1) / (double)count);
        item->quality = sqrt(.8) * rng_normal(&rng) + sqrt(.2) * place;
        item->price = rng_normal(&rng);
        double price = exp(2.5 + .5 * category->price_level + .5 * item->price);
        item->price_cents = (uint32_t)(100 * price + .5) + 1;
        item->bid = .4 * rng_normal(&rng);
        double popularity = pow(rank[i] + 1, -.8);
        item->popularity_millionths = (uint32_t)(1e6 * popularity + .5);
        world->popular[i] = sum += popularity;
    }
    free(rank);
    return STATUS_OK;
}

static void world_make_users(struct synth_world *world)
{
    double sum = 0;
    for (uint32_t u = 0; u < world->config.users; u++) {
        struct synth_world_user *user = &world->users[u];
        struct rng rng;
        rng_start(&rng, world->config.seed, RNG_SYNTH, u, SYNTH_WORLD_USER);
        world->active[u] = sum += exp(rng_normal(&rng));
        user->segment = (uint32_t)rng_below(&rng, SYNTH_WORLD_SEGMENTS);
        user->bias = .35 * rng_normal(&rng);
        user->thrift = world->segment_thrift[user->segment] + .7 * rng_normal(&rng);
        for (size_t k = 0; k < SYNTH_WORLD_INTERESTS; k++)
            world_take_interest(world, user, k, &rng);
        uint64_t wanted = rng_below(&rng, (uint64_t)world->config.history + 1);
        while (user->reads < wanted)
            synth_world_live(world, u, &rng);
    }
}

MUST_USE static enum status world_check(const struct synth_world_config *config,
                                        struct diag *reterr)
{
    const struct {
        const char *name;
        uint32_t value, least, most;
    } counts[] = {{"users", config->users, 1, SYNTH_WORLD_MAX_USERS},
                  {"items", config->items, 1, SYNTH_WORLD_MAX_ITEMS},
                  {"categories", config->categories, 1, SYNTH_WORLD_MAX_CATEGORIES},
                  {"history", config->history, 0, SYNTH_WORLD_MAX_HISTORY}};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        if (counts[i].value < counts[i].least || counts[i].value > counts[i].most)
            return diag_at_path(reterr, STATUS_INVALID, counts[i].name, "%u is not in %u..%u",
                                counts[i].value, counts[i].least, counts[i].most);
    if ((uint64_t)config->users * config->history > SYNTH_WORLD_MAX_HISTORIES)
        return diag_at_path(reterr, STATUS_INVALID, "history",
                            "%u of each of %u users are more than %d in all: fewer users or "
                            "shorter histories",
                            config->history, config->users, SYNTH_WORLD_MAX_HISTORIES);
    if (!(config->drift >= 0 && config->drift <= 20))
        return diag_at_path(reterr, STATUS_INVALID, "drift", "%g is not in 0..20", config->drift);
    return STATUS_OK;
}

enum status synth_world_init(struct synth_world *world, const struct synth_world_config *config,
                             struct diag *reterr)
{
    *world = (struct synth_world){.config = *config};
    TRY(world_check(config, reterr));
    world->categories = calloc(config->categories, sizeof(*world->categories));
    world->items = calloc(config->items, sizeof(*world->items));
    world->users = calloc(config->users, sizeof(*world->users));
    world->popular = calloc(config->items, sizeof(*world->popular));
    world->active = calloc(config->users, sizeof(*world->active));
    world->history = calloc((size_t)config->users * config->history + 1, sizeof(*world->history));
    if (world->categories == NULL || world->items == NULL || world->users == NULL ||
        world->popular == NULL || world->active == NULL || world->history == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    world_make_frame(world);
    if (world_make_items(world) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    world_make_users(world);
    return STATUS_OK;
}

void synth_world_fini(struct synth_world *world)
{
    free(world->categories);
    free(world->items);
    free(world->users);
    free(world->popular);
    free(world->active);
    free(world->history);
    *world = (struct synth_world){0};
}
