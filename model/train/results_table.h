// The measures of all runs of an experiment, and which run counts for which method and seed: what
// every comparison reads (spec/algorithm.md 6.4, 8).
//
// An experiment may be half done: a run that is not finished has no measures, a method whose
// settings are not all tried has no chosen runs. Measures of a run that is not finished, or that
// diverged, are NaN.
#pragma once

#include "model/train/experiment_choice.h"
#include "proto/json_value.h"

#include <stdbool.h>
#include <stddef.h>

enum results_measure {
#define RESULTS_MEASURE(name, key, title, better, digits) RESULTS_##name,
#include "model/train/results_measures.def"
#undef RESULTS_MEASURE
    RESULTS_MEASURES
};

enum results_better { RESULTS_HIGHER, RESULTS_LOWER, RESULTS_ONE, RESULTS_ZERO };

struct results_measure_row {
    const char *key, *title;
    enum results_better better;
    int digits;
};
extern const struct results_measure_row results_table_measures[RESULTS_MEASURES];
const char *results_table_better(enum results_better better); // "higher", "lower", "one", "zero"

struct results_run { // run i is entry i of the plan
    const struct method *method;
    bool search, finished, diverged;
    bool share; // it learned from a share of the training lists
    struct experiment_setting setting;
    double valid[RESULTS_MEASURES], test[RESULTS_MEASURES];
};

struct results_method {
    const struct method *method;
    bool chosen;  // whether the setting is known
    bool stopped; // its teacher is not good enough: no run of it is made
    struct experiment_choice choice;
    char words[128];           // why it is not, or what is missing; ""
    size_t searches, searched; // planned, finished
    ptrdiff_t *runs; // (seed_count) of the chosen setting, on all training lists; EXPERIMENT_NONE:
                     // not known
};

struct results_table {
    struct results_run *runs; // (run_count)
    size_t run_count;
    struct results_method *methods; // (method_count), in the order of methods.def
    size_t method_count, seed_count;
    enum results_measure rank; // the measure of ranking that train.rank_by names
    bool share;                // the search sees a share of the training lists
    struct json_value *data;   // "data" of the first run; NULL: there is none
    double *scratch;           // (seed_count) of results_compare
};

// Reads every run.json that is there, and chooses. STATUS_CORRUPT names a run.json that is not one
// of this experiment, or that was measured on other data. On failure everything is released.
MUST_USE enum status results_table_load(const struct experiment *experiment,
                                        const struct experiment_plan *plan,
                                        struct results_table *ret_table, struct diag *reterr);
void results_table_free(struct results_table *table);
const struct results_method *results_table_find(const struct results_table *table,
                                                const char *method); // or NULL
// Whether any run has the measure.
bool results_table_has(const struct results_table *table, enum results_measure measure);
