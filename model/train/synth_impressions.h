// Made logs of ad impressions whose click probabilities are known (docs/synth-impressions.md): the
// visits of one world in the order of time. synth_world.h and synth_visit.h have the formulas,
// synth_record.h the form.
//
// b is such that the mean of P over 4000 pages of their own is the click rate asked for. The same
// configuration and numbers of pages give the same bytes on the same libm.
#pragma once

#include "model/train/synth_tally.h"
#include "model/train/synth_visit.h"

enum { SYNTH_IMPRESSIONS_MAX_PAGES = 100000000 };

struct synth_impressions_config {
    struct synth_world_config world;
    struct synth_visit_config visit;
    double click_rate; // mean of P, in 0.001..0.5
};

struct synth_impressions; // the world, its clock, b

struct synth_impressions_config synth_impressions_defaults(void);
// STATUS_INVALID names what is out of range; STATUS_NO_MEMORY.
MUST_USE enum status synth_impressions_new(const struct synth_impressions_config *config,
                                           struct synth_impressions **ret_synth,
                                           struct diag *reterr);
void synth_impressions_free(struct synth_impressions *synth); // NULL is nothing

// The next visit, valid until the one after; what was clicked on the page before it is history by
// then.
const struct synth_visit *synth_impressions_next(struct synth_impressions *synth);
const struct synth_world *synth_impressions_world(const struct synth_impressions *synth);
const struct synth_visit_fit *synth_impressions_fit(const struct synth_impressions *synth);

// The next `pages` pages as records in path; path.truth, path.appeal and path.bid have P, appeal
// and bid of every candidate, one a line. Files appear complete or not at all; the world has moved
// on in either case. Shows progress where stderr is a terminal. tally: is added to, or NULL.
MUST_USE enum status synth_impressions_write(struct synth_impressions *synth, const char *path,
                                             uint32_t pages, struct synth_tally *tally,
                                             struct diag *reterr);
