// The intercept that gives made impressions the click rate asked for.
#pragma once

#include "model/train/synth_visit.h"

enum { SYNTH_FIT_PAGES = 4000 };

// M, S and, by bisection, b over SYNTH_FIT_PAGES pages that are in no file, shown to the users as
// they are. visit: scratch. STATUS_INVALID: so many clicks cannot be had; STATUS_NO_MEMORY.
MUST_USE enum status synth_fit(struct synth_visit *visit, const struct synth_visit_config *config,
                               const struct synth_world *world, double click_rate,
                               struct synth_visit_fit *ret_fit, struct diag *reterr);
