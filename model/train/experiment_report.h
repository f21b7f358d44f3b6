// What an experiment leaves for people and programs: OUT/results.json, timing.json, results.md and
// report.html, of the runs that are finished. results.json holds no time, host or path: equal runs,
// equal bytes.
#pragma once

#include "model/train/experiment_plan.h"

MUST_USE enum status experiment_report(const struct experiment *experiment,
                                       const struct experiment_plan *plan, struct diag *reterr);
