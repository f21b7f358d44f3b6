// The runs of an experiment and what each waits for.
//
// Every method searches its settings (learning rate, weight ratio, temperature) with the first
// seed; the chosen one is trained with the other seeds. The chosen search run is the run of the
// first seed.
//
// With experiment.search_percent below 100 the search sees a share of the training lists, and the
// chosen setting is trained on all of them with every seed, the first too. Base is then trained on
// the share with the other seeds as well: the choice compares with its spread. Which setting is
// chosen is known when the runs that the choice looks at are finished, so a run of another seed has
// a place in the plan, and a setting later.
#pragma once

#include "model/train/experiment.h"

enum { EXPERIMENT_ID = 144, EXPERIMENT_NONE = -1 };

// What is searched. Unused: NaN.
struct experiment_setting {
    double ratio, tau, lr;
};

struct experiment_entry {
    char id[EXPERIMENT_ID]; // folder under OUT/runs
    const struct method *method;
    bool search;
    int64_t percent; // of the training lists that it learns from
    int level;       // entries of one level do not wait for each other
    int64_t seed;
    struct experiment_setting setting; // of a search run
    bool finished;                     // when the plan was made, or last looked at
};

struct experiment_plan {
    struct experiment_entry *entries; // by level, then method, setting, seed
    size_t count;
    const struct method **methods; // (method_count) in the order of methods.def
    size_t method_count;
};

MUST_USE enum status experiment_plan_make(const struct experiment *experiment,
                                          struct experiment_plan *ret_plan, struct diag *reterr);
void experiment_plan_free(struct experiment_plan *plan);
// Looks for OUT/runs/ID/run.json of every entry; returns how many are there.
size_t experiment_plan_look(const struct experiment *experiment, struct experiment_plan *plan);
// Whether entry a cannot begin before entry b is finished.
bool experiment_plan_waits(const struct experiment_plan *plan, size_t a, size_t b);
// The first unfinished entry that `index` waits for, or EXPERIMENT_NONE.
ptrdiff_t experiment_plan_blocker(const struct experiment_plan *plan, size_t index);
// Gives the run its share of the training lists.
void experiment_plan_share(const struct experiment_entry *entry, struct train_config *config);
// OUT/runs/ID or OUT/runs/ID/NAME (name not NULL); the caller frees. NULL: no memory.
char *experiment_plan_path(const struct experiment *experiment,
                           const struct experiment_entry *entry, const char *name);
