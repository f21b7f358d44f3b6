// results.json: what an experiment has shown so far, from the run.json of its runs. No time, host
// or path is in it: equal runs, equal bytes.
//
//   {"format": "ctr-results-1", "name", "title", "data": {"hash", "columns", "privileged", "truth",
//    "train" | "valid" | "test": {"lists", "docs", "clicks"}}, "network": [widths], "seeds",
//    "search_seed", "search_percent": of the training lists, "rank": the measure of ranking,
//    {"key", "title"}, "configuration": YAML, "runs": {"planned", "finished", "diverged",
//    "stopped": not made because the teacher is not good enough},
//    "selection": {"base_logloss", "base_ci", "bound"}, "teacher_check": null or {"better",
//    RANK | "logloss": {"mean", "low", "high", "n"}, "words"}, "measures": [{"key", "title",
//    "better": "higher" | "lower" | "one" | "zero", "digits"}],
//    "methods": [{"method", "title", "summary", "role", "chosen": null or {"ratio", "tau", "lr",
//      "rule"}, "words", "n", "runs": [id], "test" | "valid": {KEY: {"mean", "half", "values"}},
//      "vs_clid" | "vs_base": null or {KEY: {"mean", "half", "low", "high", "significant", "n"}},
//      "bootstrap": null or {"measure", "minus", "mean", "low", "high", "significant", "lists",
//      "resamples"}, "reliability", "curves"}],
//    "sweep": [{"id", "method", "ratio", "tau", "lr", "seed", "status", "chosen", "valid" | "test":
//      {KEY: number}}],
//    "claims": (results_claims.h), "production": (results_production.h), "diverged": [id]}
//
// Undefined numbers are null. Differences are method - CLID, method - Base, paired by seed.
#pragma once

#include "model/train/experiment_plan.h"
#include "proto/json_value.h"

// The caller frees *ret_results; that memory sufficed is told by json_value_write. Half an
// experiment gives half the numbers. STATUS_CORRUPT names the run.json that cannot be used.
MUST_USE enum status results_collect(const struct experiment *experiment,
                                     const struct experiment_plan *plan,
                                     struct json_value **ret_results, struct diag *reterr);
