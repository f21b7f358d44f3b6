// All runs of an experiment on this machine: children of this program, several at a time, each in
// the order that the plan allows.
#pragma once

#include "model/train/experiment_plan.h"

// Runs what is not finished, `jobs` at a time. A run that fails does not stop the others; those
// that wait for it are left out. Other processes may do the same in the same folder: each run is
// done by one of them, and all end when nothing is left. STATUS_INTERNAL names failed runs and
// their logs; STATUS_INTERRUPTED after SIGINT or SIGTERM, when the children have ended: the same
// command goes on.
MUST_USE enum status experiment_pool_run(const struct experiment *experiment,
                                         struct experiment_plan *plan, unsigned jobs,
                                         struct diag *reterr);
