// Comparisons of methods over seeds: means with intervals, paired differences (spec/algorithm.md
// 6.4, 8). All intervals are 95 %, of Student's t. One thread at a time on a table.
#pragma once

#include "model/train/results_table.h"

enum results_part { RESULTS_VALID, RESULTS_TEST };

// Which runs of a method.
enum results_at {
    RESULTS_CHOSEN,       // the chosen setting
    RESULTS_BEST_RANK,    // the setting of the best ranking on validation, whatever its LogLoss
    RESULTS_BEST_LOGLOSS, // the setting of the lowest validation LogLoss
    RESULTS_R_1E_3,       // the chosen setting, but at the weight ratio of the grid that is nearest
    RESULTS_R_1E2,        // to this one, and at most a factor of 10 away
    RESULTS_R_1E4,
};

// A method's runs in the table: one a seed where the setting is the chosen one, else the search run
// alone, which may have seen a share of the training lists. The earlier one among equally good
// settings.
struct results_sample {
    const struct results_method *method; // NULL: not in the experiment
    ptrdiff_t search; // the search run of the setting; EXPERIMENT_NONE: not known
    bool all;         // of the chosen setting
};
struct results_sample results_compare_sample(const struct results_table *table, const char *method,
                                             enum results_at at);
// The run of a seed; NULL if there is none, or it is not finished.
const struct results_run *results_compare_run(const struct results_table *table,
                                              const struct results_sample *sample, size_t seed);
// Its measure; NaN if it has none.
double results_compare_value(const struct results_table *table, const struct results_sample *sample,
                             size_t seed, enum results_part part, enum results_measure measure);

struct results_interval {
    size_t n;                     // runs or pairs
    double mean, half, low, high; // NaN: undefined
    bool spread;                  // see results_compare_difference
};

void results_compare_mean(const struct results_table *table, const struct results_sample *sample,
                          enum results_part part, enum results_measure measure,
                          struct results_interval *ret_interval);

// Base on validation or test as the search sees it: on the share of the lists, where there is one.
void results_compare_base(const struct results_table *table, enum results_part part,
                          enum results_measure measure, struct results_interval *ret_interval);

struct results_pair {
    struct results_sample a, b;
    bool ideal;    // the difference is a - 1, and b unused
    bool relative; // (a - b) / b, in percent
};
// a - b, paired by seed, over the seeds that both have. A sample of the search run alone gives one
// pair, which has no interval of its own: then it is +- t sqrt(2) sd with Base's standard deviation
// over its seeds, as of two runs that differ by their seeds alone (t sd where b is the ideal), and
// `spread` is set. Where the search sees a share of the training lists both are search runs then:
// what has learned from a tenth is not compared with what has learned from all.
void results_compare_difference(const struct results_table *table, const struct results_pair *pair,
                                enum results_part part, enum results_measure measure,
                                struct results_interval *ret_interval);
// Whether the interval leaves out 0.
bool results_compare_significant(const struct results_interval *interval);
