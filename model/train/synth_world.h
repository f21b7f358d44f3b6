// The people and items of made impressions: who is interested in what, and what each has read. For
// synth_visit and synth_impressions; docs/synth-impressions.md explains the choices.
//
// A category c has a direction m_c on the sphere of SYNTH_WORLD_DIMENSIONS, a price level and an
// hour of the day; an item i of category c has v_i = unit(sqrt(.7) m_c + sqrt(.3) g), a quality
// q_i, a price and a popularity rank^-.8. A user has SYNTH_WORLD_INTERESTS directions
// z_k = unit(m_c + .5 g) of weights .5, .3, .2, half of them of the four categories that the
// segment likes, half of any. g is of length 1, evenly over the sphere.
//
// The world moves by visits: synth_world_live replaces each interest with chance .05 drift by a new
// one and lets the user read a few items near the interests. What was read or clicked is the
// history.
#pragma once

#include "base/rng.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    SYNTH_WORLD_DIMENSIONS = 8,
    SYNTH_WORLD_INTERESTS = 3,
    SYNTH_WORLD_SEGMENTS = 8,
    SYNTH_WORLD_MAX_USERS = 10000000,
    SYNTH_WORLD_MAX_ITEMS = 10000000,
    SYNTH_WORLD_MAX_CATEGORIES = 1000,
    SYNTH_WORLD_MAX_HISTORY = 1000,
    SYNTH_WORLD_MAX_HISTORIES = 1000000000, // entries of all users: 4 GB
};

extern const double synth_world_weights[SYNTH_WORLD_INTERESTS]; // w_k

struct synth_world_category {
    double m[SYNTH_WORLD_DIMENSIONS];
    double price_level, hour;
};

struct synth_world_item {
    double v[SYNTH_WORLD_DIMENSIONS];
    double quality;    // q, variance 1
    double price;      // x: log price within the category, variance 1
    double bid;        // log of what its advertiser bids in the middle
    uint32_t category; // number
    uint32_t price_cents;
    uint32_t popularity_millionths; // of the most popular item's
};

struct synth_world_user {
    double z[SYNTH_WORLD_INTERESTS][SYNTH_WORLD_DIMENSIONS];
    double bias;   // a
    double thrift; // t: dislike of what is dear within its category
    uint32_t segment;
    uint32_t reads; // ever; the ring of the last ones is the history
};

struct synth_world_config {
    uint64_t seed;
    uint32_t users;      // 1..SYNTH_WORLD_MAX_USERS
    uint32_t items;      // 1..SYNTH_WORLD_MAX_ITEMS
    uint32_t categories; // 1..SYNTH_WORLD_MAX_CATEGORIES
    uint32_t history;    // longest, 0..SYNTH_WORLD_MAX_HISTORY
    double drift;        // 0..20; 0: interests stay
};

// What a run of random numbers is for; the second word of its address.
enum synth_world_draw {
    SYNTH_WORLD_FRAME = 16, // beside those of synth_letor
    SYNTH_WORLD_ITEM,
    SYNTH_WORLD_USER,
    SYNTH_WORLD_CALIBRATION,
    SYNTH_WORLD_VISIT,
};

struct synth_world {
    struct synth_world_config config;
    struct synth_world_category *categories;
    struct synth_world_item *items;
    struct synth_world_user *users;
    double *popular, *active; // running sums of the weights of items and of users
    uint32_t *history;        // (users, history) rings
    double segment_thrift[SYNTH_WORLD_SEGMENTS];
    uint32_t segment_likes[SYNTH_WORLD_SEGMENTS][4]; // categories
};

// Everybody with a history of a length drawn from 0..history. STATUS_INVALID names what is out of
// range; STATUS_NO_MEMORY. world: synth_world_fini in either case.
MUST_USE enum status synth_world_init(struct synth_world *world,
                                      const struct synth_world_config *config, struct diag *reterr);
void synth_world_fini(struct synth_world *world);

double synth_world_cosine(const double *a, const double *b);                    // of two directions
uint32_t synth_world_visitor(const struct synth_world *world, struct rng *rng); // by activity
// Of `draws` items by popularity the one nearest to one of the user's interests.
uint32_t synth_world_choose(const struct synth_world *world, const struct synth_world_user *user,
                            unsigned draws, struct rng *rng);
// What happens to a user between two visits.
void synth_world_live(struct synth_world *world, uint32_t user, struct rng *rng);
void synth_world_read(struct synth_world *world, uint32_t user, uint32_t item);
// Oldest to newest into items (config.history); returns how many.
size_t synth_world_history(const struct synth_world *world, uint32_t user, uint32_t *items);
