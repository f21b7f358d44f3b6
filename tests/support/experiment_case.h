// An experiment in a scratch folder whose runs are records written by hand.
#pragma once

#include "model/train/experiment_plan.h"
#include "tests/support/scratch.h"

struct experiment_case {
    struct scratch scratch;
    struct experiment experiment;
    struct experiment_plan plan;
};

// `lines` are the members of the map `experiment:`, separated by newlines; other maps may follow.
void experiment_case_open(struct experiment_case *c, const char *lines);
void experiment_case_close(struct experiment_case *c);
// The run ID has finished with these measures on validation; NaN LogLoss: it diverged.
void experiment_case_finish(struct experiment_case *c, const char *id, double ndcg10,
                            double logloss);
// The same with the measure of ranking KEY, "gauc", and an NDCG@10 of 1 beside it.
void experiment_case_finish_by(struct experiment_case *c, const char *id, const char *key,
                               double rank, double logloss);
// The place of ID in the plan; fails the test if it is not there.
size_t experiment_case_find(const struct experiment_case *c, const char *id);
