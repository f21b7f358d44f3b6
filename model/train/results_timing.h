// timing.json: how long the runs of an experiment took, apart from what they showed.
//
//   {"format": "ctr-timing-1", "hours", "runs", "methods": [{"method", "title", "runs", "hours",
//    "mean_seconds"}], "seconds": {ID: number or null}}
#pragma once

#include "model/train/experiment_plan.h"
#include "proto/json_value.h"

// seconds (plan->count) as of experiment_time_load: NaN where nothing is known. Hours are sums over
// runs, whatever ran beside them. The caller frees. NULL: no memory.
struct json_value *results_timing_json(const struct experiment_plan *plan, const double *seconds);
