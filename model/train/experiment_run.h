// One run of an experiment: train, measure, leave run.json. Idempotent: a finished run is left as
// it is, a killed one goes on where its training state says.
#pragma once

#include "model/train/experiment_plan.h"

// STATUS_UNAVAILABLE names the run that must be finished first, or says that another process works
// on this one. A training that diverges is a result, not an error.
MUST_USE enum status experiment_run(const struct experiment *experiment,
                                    struct experiment_plan *plan, size_t index,
                                    struct diag *reterr);
