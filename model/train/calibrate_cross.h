// Every map fitted on a held-out set, and how good it is on lists that its fit did not see
// (spec/algorithm.md 9): k-fold cross-validation whose folds are lists, never documents.
#pragma once

#include "base/stat.h"
#include "model/train/calibrate_fit.h"
#include "model/train/quality_calib.h"
#include "model/train/quality_reliability.h"
#include "model/train/scoreset.h"

#include <stddef.h>

enum { CALIBRATE_CROSS_BINS = 20 };

struct calibrate_cross_row {
    struct calibrate_fit fit; // on all documents; its map has the shift
    // Of the served probabilities of each fold by the map fitted on the others; where there are no
    // folds, all values are NaN and there are no bins.
    struct quality_calib out_of_fold;
    // Out-of-fold LogLoss of the identity minus that of the map, with its 95 % interval: lists, not
    // documents, are what was drawn at random.
    struct stat_mean gain;
    struct reliability_bin bins[CALIBRATE_CROSS_BINS];
    size_t bin_count;
};

struct calibrate_cross {
    struct calibrate_cross_row rows[CALIBRATE_KINDS]; // by kind
    bool validated;                                   // false: fewer than two folds have documents
    enum calibrate_kind best; // lowest out-of-fold LogLoss, among equal ones the simplest
};

struct calibrate_cross_options {
    double shift; // added to every logit before anything is fitted
    unsigned folds;
    struct calibrate_rules rules;
};

// The fold of a list: a hash of its qid, so neither the order of the file nor the rest of it
// matters.
unsigned calibrate_cross_fold(struct span qid, unsigned folds);

// `set` is scored, its logits are finite, docs >= 1. The same bits for any order of lists and
// documents. STATUS_NO_MEMORY, STATUS_TOO_LARGE.
MUST_USE enum status calibrate_cross(const struct scoreset *set,
                                     const struct calibrate_cross_options *options,
                                     struct calibrate_cross *ret_cross, struct diag *reterr);
void calibrate_cross_fini(struct calibrate_cross *cross);
