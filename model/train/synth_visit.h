// One page of made impressions: who comes, what is shown in which order, and how likely each item
// is clicked (docs/synth-impressions.md).
//
//   r_i = 1.5 log( sum of w_k exp(4 cos(z_k, v_i)) ) + .5 q_i - .3 t x_i + .25 cos(2 pi (hour -
//   h_c) / 24) f_i = b + a + d + r_i                               a of the user, d of the device
//   e_i = -neighbours ( .8 (m_i - M) + 1.5 (s_i - S) )  m_i: mean of r over the other items shown,
//                                                       s_i: share of them of the same category,
//                                                       M, S their means; alone: e = 0
//   P_i = (1 + position)^-eta / (1 + exp(-(f_i + e_i))) position from 0, eta = the strength asked
//   appeal_i = 1 / (1 + exp(-f_i))
//   seconds in view = 3 (1 + position)^-eta exp(.3 (r_i - M) + .5 g), g ~ N(0, 1)
//
// A page is what a first ranker keeps of a pool of SYNTH_VISIT_POOL times as many items, half drawn
// by popularity, half near the user's interests: the highest r + 2 g. It is shown in the order of
// r + 4 g, of other g: what is above is better, but not by much.
#pragma once

#include "model/train/synth_world.h"

#include <stdbool.h>

enum { SYNTH_VISIT_POOL = 4, SYNTH_VISIT_DEVICES = 3, SYNTH_VISIT_MAX_PAGE = 256 };

struct synth_visit_config {
    uint32_t page_min, page_max; // items shown; 1 <= min <= max <= SYNTH_VISIT_MAX_PAGE
    double position;             // eta, 0..3
    double neighbours;           // 0..10
};

// What is fitted before anything is written.
struct synth_visit_fit {
    double b;
    double mean_others, mean_same; // M, S
};

struct synth_visit_ad {
    uint32_t item;
    double score; // what is shown was put in the order of this
    double relevance, others, same;
    double logit; // f without b
    double examine;
    // of synth_visit_click:
    double appeal, p;
    bool click;
    uint32_t bid_cents, view_tenths;
};

struct synth_visit {
    uint64_t id, ts; // number from 1; seconds since 1970
    uint32_t user, hour, device;
    size_t count;               // items shown: the first of `ads`
    struct synth_visit_ad *ads; // room for the pool
    uint32_t *seen, turn;       // per item: the last turn that it was in the pool
};

// STATUS_NO_MEMORY; STATUS_INVALID names what is out of range. synth_visit_fini in either case.
MUST_USE enum status synth_visit_init(struct synth_visit *visit,
                                      const struct synth_visit_config *config,
                                      const struct synth_world *world, struct diag *reterr);
void synth_visit_fini(struct synth_visit *visit);

// Who comes, with which device.
void synth_visit_arrive(struct synth_visit *visit, const struct synth_world *world,
                        struct rng *rng);
// The page for visit->user at visit->hour with visit->device; the world stays as it is.
void synth_visit_show(struct synth_visit *visit, const struct synth_visit_config *config,
                      const struct synth_world *world, struct rng *rng);
// e of a page of `count`.
double synth_visit_effect(const struct synth_visit_config *config,
                          const struct synth_visit_fit *fit, const struct synth_visit_ad *ad,
                          size_t count);
// Probabilities, clicks, bids and times of what is shown.
void synth_visit_click(struct synth_visit *visit, const struct synth_visit_config *config,
                       const struct synth_visit_fit *fit, const struct synth_world *world,
                       struct rng *rng);
