// One run of an experiment: train, measure, leave run.json. Idempotent: a finished run is left as
// it is, a killed one goes on where its training state says.
#pragma once

#include "model/train/experiment_plan.h"

// STATUS_UNAVAILABLE names the run that must be finished first, or says that another process works
// on this one. A training that diverges is a result, not an error; a run that is not to be trained
// (experiment_choice_stops) says so in the log, and is none either.
MUST_USE enum status experiment_run(const struct experiment *experiment,
                                    struct experiment_plan *plan, size_t index,
                                    struct diag *reterr);
// Tells that the run is left out because its teacher is not better than Base.
void experiment_run_tell_stopped(const struct experiment_entry *entry);
// Whether some process, on whatever machine that shares the folder, works on the run now.
bool experiment_run_is_busy(const struct experiment *experiment,
                            const struct experiment_entry *entry);
