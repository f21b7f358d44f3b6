// What people see while an experiment runs: where stderr is a terminal, a bar with the time left
// and the table so far, drawn over itself; elsewhere a line of the log per finished run.
#pragma once

#include "model/train/experiment_plan.h"
#include "model/train/experiment_record.h"

#include <stdio.h>

struct experiment_screen {
    const struct experiment *experiment;
    const struct experiment_plan *plan;
    struct experiment_record *records; // (plan->count) of finished runs
    bool *known;                       // (plan->count)
    double *seconds;                   // (plan->count)
    bool terminal;
    unsigned lines; // drawn
    unsigned jobs;
};

MUST_USE enum status experiment_screen_open(struct experiment_screen *screen,
                                            const struct experiment *experiment,
                                            const struct experiment_plan *plan, unsigned jobs,
                                            struct diag *reterr);
void experiment_screen_close(struct experiment_screen *screen); // leaves the last table standing
// After runs have finished, and now and then.
void experiment_screen_update(struct experiment_screen *screen, unsigned running);
// The table so far.
void experiment_screen_table(struct experiment_screen *screen, FILE *out);
