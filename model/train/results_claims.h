// The orderings that the paper's numbers support, A1 to A12 of spec/algorithm.md 8, each seen or
// not seen in an experiment. The table of them is results_claims.def.
#pragma once

#include "model/train/results_compare.h"

enum results_seen { RESULTS_NOT_SEEN, RESULTS_SEEN, RESULTS_OPEN }; // OPEN: cannot be told

enum results_rule {
    RESULTS_ABOVE,     // the interval lies above 0
    RESULTS_BELOW,     // below
    RESULTS_NOT_ABOVE, // not above
    RESULTS_NOT_BELOW,
    RESULTS_AROUND,  // 0 is inside
    RESULTS_APART,   // 0 is outside
    RESULTS_AT_MOST, // of a relative difference: not above, and the mean is at most 0.3 %
};
// OPEN where the interval is undefined.
enum results_seen results_claims_judge(enum results_rule rule,
                                       const struct results_interval *interval);
// {"claims": a list as of results.json}. The caller frees. NULL: no memory.
struct json_value *results_claims_list(const struct results_table *table);
