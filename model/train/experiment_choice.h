// Which setting of a method its other seeds are trained with, and whether the teacher is worth
// distilling (spec/algorithm.md 5, hygiene 3; 6.4). Both look at validation alone; "ranking" is the
// measure that train.rank_by names.
#pragma once

#include "model/train/experiment_plan.h"

struct experiment_choice {
    size_t entry;     // the search run in the plan
    double bound;     // greatest LogLoss that was asked for; NaN: none
    bool within;      // whether some run kept it
    const char *rule; // in words, static
};

// Every run that the choice looks at must be finished (experiment_plan_waits). Base and the
// teachers: the best ranking among runs whose LogLoss is within 0.5 % of the lowest. Others: the
// best ranking among runs with LogLoss <= Base's mean + half of its 95 % interval over seeds; if
// there is none, the lowest LogLoss. A search on a share of the lists is compared with Base on the
// same share. The earlier entry among equals. STATUS_NOT_FINITE if every
// setting diverged; errors of reading a run.json.
MUST_USE enum status experiment_choice_make(const struct experiment *experiment,
                                            const struct experiment_plan *plan,
                                            const struct method *method,
                                            struct experiment_choice *ret_choice,
                                            struct diag *reterr);
// The run of a method and seed on all training lists: the chosen search run for the first seed,
// unless the search sees a share of the lists. EXPERIMENT_NONE if the plan has no such seed.
MUST_USE enum status experiment_choice_run(const struct experiment *experiment,
                                           const struct experiment_plan *plan,
                                           const struct method *method, int64_t seed,
                                           ptrdiff_t *ret_entry, struct diag *reterr);

// The run whose model teaches `entry`: of the same seed, on the same share of the lists.
MUST_USE enum status experiment_choice_teacher(const struct experiment *experiment,
                                               const struct experiment_plan *plan,
                                               const struct experiment_entry *entry,
                                               ptrdiff_t *ret_entry, struct diag *reterr);

// How the teacher compares with Base on validation.
struct experiment_teacher {
    bool better;                 // in the mean of both measures
    double rank_gain, loss_gain; // teacher - base over the paired seeds; a better LogLoss is < 0
};
// All runs of `teacher` and of base must be finished.
MUST_USE enum status experiment_choice_check(const struct experiment *experiment,
                                             const struct experiment_plan *plan,
                                             const struct method *teacher,
                                             struct experiment_teacher *ret_check,
                                             struct diag *reterr);
// Whether `method` is not to be trained, because its teacher is not better than Base and the
// experiment says to stop then. false where runs are missing that would tell, or diverged: then
// what it would teach is a record of that.
MUST_USE enum status experiment_choice_stops(const struct experiment *experiment,
                                             const struct experiment_plan *plan,
                                             const struct method *method, bool *ret_stops,
                                             struct diag *reterr);
