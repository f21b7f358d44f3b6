// An experiment beside the paper's production table: GAUC and LogLoss relative to Base, and whether
// the orderings in that table are seen. The published numbers are results_production.def.
//
//   null where train.rank_by is ndcg10, else
//   {"source", "methods": [{"method", "title", "gauc" | "logloss": relative to Base in percent,
//      {"mean", "half", "low", "high", "significant", "n"}, null for Base; "true_error" |
//      "regret_percent": null where the truth is not known, or {"mean", "half"}; "paper": null or
//      {"gauc", "logloss"}}],
//    "orderings": [{"measure", "what", "paper": its difference in percent points, "mean", "low",
//      "high": ours in percent, "n", "verdict"}]}
//
// Teachers stand in the table; the paper does not tell of its own.
#pragma once

#include "base/buf.h"
#include "model/train/results_compare.h"

// "seen", "contradicted", "within the interval" or "cannot be told". `above`: the paper has the
// difference above 0: seen if the interval lies above 0, contradicted if below. Else around 0: seen
// if the interval lies within +- 0.3 %, contradicted if it lies beyond: an interval that is wide
// tells of neither.
const char *results_production_verdict(bool above, const struct results_interval *interval);
// Sets "production" of `root`.
void results_production_set(const struct results_table *table, struct json_value *root);
// The section of results.md; nothing where "production" is null.
void results_production_markdown(const struct json_value *results, struct buf *out);
