// What of the chosen runs of a method is drawn rather than tabled: reliability, learning curves,
// NDCG@10 of every test list.
#pragma once

#include "model/train/results_table.h"

struct results_detail {
    struct json_value *reliability; // [{"docs", "p", "clicks", "truth"}], pooled over seeds
    struct json_value *curves;      // [{"seed", "kept", "points": [...]}]
    size_t lists;                   // of the test set; 0 without a run
    double **ndcg;                  // (seed_count) of (lists), NaN: undefined; NULL: no run
    size_t seed_count;
};

// Reads the run.json of the chosen runs that are finished and did not diverge. STATUS_CORRUPT if
// they do not fit together. On failure everything is released.
MUST_USE enum status results_detail_load(const struct experiment *experiment,
                                         const struct experiment_plan *plan,
                                         const struct results_table *table,
                                         const struct results_method *method,
                                         struct results_detail *ret_detail, struct diag *reterr);
void results_detail_free(struct results_detail *detail);
// a - b of every list, mean over the seeds that both have; lists without a value are left out.
// *ret_values (at most lists) is the caller's to free. STATUS_NO_MEMORY.
MUST_USE enum status results_detail_difference(const struct results_detail *a,
                                               const struct results_detail *b, double **ret_values,
                                               size_t *ret_count);
