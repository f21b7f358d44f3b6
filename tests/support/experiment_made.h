// An experiment whose runs are written by hand: a configuration in a scratch folder, its plan, and
// run.json files. Failures end the test: they are asserts of cmocka.
#pragma once

#include "model/train/experiment_plan.h"
#include "tests/support/scratch.h"

#include <stdbool.h>

struct experiment_made {
    struct scratch scratch;
    struct experiment experiment;
    struct experiment_plan plan;
};

struct experiment_made_run {
    const char *id; // an entry of the plan
    double ratio;   // NaN: none
    bool diverged;
    double valid_ndcg10, valid_logloss, test_ndcg10, test_logloss;
    const char *more;        // members of "test" after these, with a comma before them; or NULL
    const char *lists;       // "ndcg_lists"; NULL: "[]"
    const char *reliability; // NULL: "[]"
    const char *data;        // NULL: the same for all
};

// `experiment` is the text of the map `experiment:` in flow style.
void experiment_made_init(struct experiment_made *made, const char *experiment);
void experiment_made_free(struct experiment_made *made);
// Writes the run.json, and looks at the plan again.
void experiment_made_run(struct experiment_made *made, const struct experiment_made_run *run);
void experiment_made_forget(struct experiment_made *made, const char *id); // removes it
