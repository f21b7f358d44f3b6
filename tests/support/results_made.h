// Tables of results made by hand. Failures end the test: they are asserts of cmocka.
#pragma once

#include "model/train/results_table.h"

enum { RESULTS_MADE_RUNS = 64 };

// An empty table of `seeds` seeds; freed by results_table_free.
void results_made_init(struct results_table *table, size_t seeds);
// Adds a finished search run without measures, and its method if it is new; returns its index. The
// learning rate is .001, the temperature none.
size_t results_made_search(struct results_table *table, const char *method, double ratio);
// Chooses a search run: adds finished runs of its setting for the other seeds.
void results_made_choose(struct results_table *table, size_t run);
// A method of one setting, chosen, with a test measure: one value a seed.
void results_made_method(struct results_table *table, const char *method,
                         enum results_measure measure, const double *values);
// The run of a chosen setting.
struct results_run *results_made_run(struct results_table *table, const char *method, size_t seed);
