// run.json: what a finished run leaves for the comparison. No times, hosts or paths: equal
// configuration and data, equal bytes.
//
//   {"format": "ctr-run-1", "id", "method", "seed", "percent": of the training lists, where it is
//    not 100, "ratio", "tau", "lr", "status": "ok" | "diverged", "words", "data": {"hash",
//    "test_hash", "columns", "privileged", "train": {"lists", "docs", "clicks"}, "valid", "test"},
//    "epochs", "kept_epoch", "valid": {quality}, "test": {quality and, where the truth is known,
//    true_error ... regret ...}, "ndcg_lists": [per test list], "reliability":
//    [[docs, sum_p, clicks, sum_truth], ...], "curve": [{"epoch", "train_loss", ...}, ...]}
#pragma once

#include "model/train/experiment_plan.h"
#include "proto/json_value.h"

// Why a run has no measures; NULL words: it has.
struct experiment_outcome {
    const char *words;
    struct experiment_setting setting; // that it was trained with
};

// Measures the model in the entry's folder and writes run.json, last of all that the run writes.
MUST_USE enum status experiment_record_write(const struct experiment *experiment,
                                             const struct experiment_entry *entry,
                                             const struct experiment_outcome *outcome,
                                             struct diag *reterr);

// What a choice looks at: validation.
struct experiment_record {
    bool diverged;
    double rank, logloss; // rank: by train.rank_by; NaN: undefined
};
MUST_USE enum status experiment_record_load(const struct experiment *experiment,
                                            const struct experiment_entry *entry,
                                            struct experiment_record *ret_record,
                                            struct diag *reterr);
// All of it. The caller frees.
MUST_USE enum status experiment_record_read(const struct experiment *experiment,
                                            const struct experiment_entry *entry,
                                            struct json_value **ret_root, struct diag *reterr);
