#include "model/train/synth_visit.h"

#include <math.h>
#include <stdlib.h>

enum { VISIT_NEAR_DRAWS = 8, VISIT_TRIES = 16 };

static double visit_relevance(const struct synth_world *world, const struct synth_world_user *user,
                              const struct synth_world_item *item, uint32_t hour)
{
    double near = 0;
    for (size_t k = 0; k < SYNTH_WORLD_INTERESTS; k++)
        near += synth_world_weights[k] * exp(4 * synth_world_cosine(user->z[k], item->v));
    double apart = (double)hour - world->categories[item->category].hour;
    return 1.5 * log(near) + .5 * item->quality - .3 * user->thrift * item->price +
           .25 * cos(6.283185307179586 * apart / 24);
}

// False: it is there already.
static bool visit_add(struct synth_visit *visit, uint32_t item)
{
    if (visit->seen[item] == visit->turn)
        return false;
    visit->seen[item] = visit->turn;
    visit->ads[visit->count++] = (struct synth_visit_ad){.item = item};
    return true;
}

static void visit_fill_pool(struct synth_visit *visit, size_t wanted,
                            const struct synth_world *world, struct rng *rng)
{
    const struct synth_world_user *user = &world->users[visit->user];
    visit->count = 0;
    visit->turn++;
    for (size_t tries = 0; visit->count < wanted && tries < VISIT_TRIES * wanted; tries++)
        visit_add(visit,
                  synth_world_choose(world, user, tries % 2 == 0 ? 1 : VISIT_NEAR_DRAWS, rng));
    // So few items that draws repeat themselves: the next ones that are not there.
    uint32_t next = (uint32_t)rng_below(rng, world->config.items);
    for (; visit->count < wanted; next = (next + 1) % world->config.items)
        visit_add(visit, next);
}

static int visit_by_score(const void *a, const void *b)
{
    const struct synth_visit_ad *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void visit_look_around(struct synth_visit *visit, const struct synth_world *world)
{
    const size_t n = visit->count;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += visit->ads[i].relevance;
    for (size_t i = 0; i < n && n > 1; i++) {
        size_t same = 0;
        for (size_t j = 0; j < n; j++)
            same += world->items[visit->ads[j].item].category ==
                    world->items[visit->ads[i].item].category;
        visit->ads[i].others = (sum - visit->ads[i].relevance) / (double)(n - 1);
        visit->ads[i].same = (double)(same - 1) / (double)(n - 1);
    }
}

void synth_visit_arrive(struct synth_visit *visit, const struct synth_world *world, struct rng *rng)
{
    visit->user = synth_world_visitor(world, rng);
    double device = rng_uniform(rng);
    visit->device = device < .5 ? 0 : device < .85 ? 1 : 2;
}

void synth_visit_show(struct synth_visit *visit, const struct synth_visit_config *config,
                      const struct synth_world *world, struct rng *rng)
{
    static const double devices[SYNTH_VISIT_DEVICES] = {0, -.25, .25};
    const struct synth_world_user *user = &world->users[visit->user];
    size_t size = config->page_min + rng_below(rng, config->page_max - config->page_min + 1);
    visit_fill_pool(visit, SYNTH_VISIT_POOL * size, world, rng);
    for (size_t i = 0; i < visit->count; i++) {
        struct synth_visit_ad *ad = &visit->ads[i];
        ad->relevance = visit_relevance(world, user, &world->items[ad->item], visit->hour);
        ad->score = ad->relevance + 2 * rng_normal(rng);
    }
    qsort(visit->ads, visit->count, sizeof(*visit->ads), visit_by_score);
    visit->count = size;
    for (size_t i = 0; i < size; i++)
        visit->ads[i].score = visit->ads[i].relevance + 4 * rng_normal(rng);
    qsort(visit->ads, size, sizeof(*visit->ads), visit_by_score);
    visit_look_around(visit, world);
    for (size_t i = 0; i < size; i++) {
        visit->ads[i].logit = user->bias + devices[visit->device] + visit->ads[i].relevance;
        visit->ads[i].examine = pow((double)i + 1, -config->position);
    }
}

double synth_visit_effect(const struct synth_visit_config *config,
                          const struct synth_visit_fit *fit, const struct synth_visit_ad *ad,
                          size_t count)
{
    if (count == 1)
        return 0;
    return -config->neighbours *
           (.8 * (ad->others - fit->mean_others) + 1.5 * (ad->same - fit->mean_same));
}

static double visit_sigmoid(double s)
{
    return 1 / (1 + exp(-s));
}

void synth_visit_click(struct synth_visit *visit, const struct synth_visit_config *config,
                       const struct synth_visit_fit *fit, const struct synth_world *world,
                       struct rng *rng)
{
    for (size_t i = 0; i < visit->count; i++) {
        struct synth_visit_ad *ad = &visit->ads[i];
        double f = fit->b + ad->logit;
        ad->appeal = visit_sigmoid(f);
        ad->p = ad->examine * visit_sigmoid(f + synth_visit_effect(config, fit, ad, visit->count));
        ad->click = rng_uniform(rng) < ad->p;
        double bid = exp(world->items[ad->item].bid + .3 * rng_normal(rng));
        double view =
            3 * ad->examine * exp(.3 * (ad->relevance - fit->mean_others) + .5 * rng_normal(rng));
        ad->bid_cents = (uint32_t)(100 * bid + .5) + (bid < .005);
        ad->view_tenths = (uint32_t)(10 * view + .5);
    }
}

enum status synth_visit_init(struct synth_visit *visit, const struct synth_visit_config *config,
                             const struct synth_world *world, struct diag *reterr)
{
    *visit = (struct synth_visit){0};
    if (config->page_min < 1 || config->page_min > config->page_max ||
        config->page_max > SYNTH_VISIT_MAX_PAGE)
        return diag_at_path(reterr, STATUS_INVALID, "page", "%u-%u items are not within 1..%d",
                            config->page_min, config->page_max, SYNTH_VISIT_MAX_PAGE);
    if (world->config.items < SYNTH_VISIT_POOL * config->page_max)
        return diag_at_path(reterr, STATUS_INVALID, "items",
                            "%u are too few: a page of %u is chosen of %u different ones",
                            world->config.items, config->page_max,
                            SYNTH_VISIT_POOL * config->page_max);
    if (!(config->position >= 0 && config->position <= 3))
        return diag_at_path(reterr, STATUS_INVALID, "position", "%g is not in 0..3",
                            config->position);
    if (!(config->neighbours >= 0 && config->neighbours <= 10))
        return diag_at_path(reterr, STATUS_INVALID, "neighbours", "%g is not in 0..10",
                            config->neighbours);
    visit->ads = calloc((size_t)SYNTH_VISIT_POOL * config->page_max, sizeof(*visit->ads));
    visit->seen = calloc(world->config.items, sizeof(*visit->seen));
    if (visit->ads == NULL || visit->seen == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return STATUS_OK;
}

void synth_visit_fini(struct synth_visit *visit)
{
    free(visit->ads);
    free(visit->seen);
    *visit = (struct synth_visit){0};
}
