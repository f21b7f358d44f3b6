// How long runs took, and what is still to come.
#pragma once

#include "model/train/experiment_plan.h"

// seconds (plan->count): of finished runs, NaN for the others and where nothing is known.
void experiment_time_load(const struct experiment *experiment, const struct experiment_plan *plan,
                          double *seconds);
// What entry `index` takes: as measured, or the mean over its method, or over all; NaN if no run is
// finished.
double experiment_time_estimate(const struct experiment_plan *plan, const double *seconds,
                                size_t index);
