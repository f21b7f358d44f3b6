// A method in results.json.
#pragma once

#include "model/train/results_compare.h"
#include "model/train/results_detail.h"

// `detail` is of this method, `clid` of CLID; NULL: not in the experiment. Takes over nothing but
// the trees of `detail`. The caller frees. NULL: no memory.
struct json_value *results_method_json(const struct results_table *table,
                                       const struct experiment_plan *plan,
                                       const struct results_method *method,
                                       struct results_detail *detail,
                                       const struct results_detail *clid);
// {"mean", "half", "low", "high", "significant", "n"}
struct json_value *results_method_difference(const struct results_interval *interval);
