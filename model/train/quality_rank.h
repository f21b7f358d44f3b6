// Ranking metrics from raw logits: NDCG, AUC, GAUC (spec/algorithm.md 7).
//
// Each sorts the documents that it is given, in place, by a key that leaves no choice: the result
// is the same bits for any order of the input. Ties are averaged over. Scores are finite; undefined
// values are NaN.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct quality_rank_doc {
    float score, grade; // grade in [0, QUALITY_RANK_MAX_GRADE]; a click is grade > 0
    uint32_t group;     // user, for GAUC alone
};

enum { QUALITY_RANK_MAX_GRADE = 512 }; // its gain, 2^512, can be summed

// NDCG@k of one list, gain 2^grade - 1; NaN if no grade is above 0. A block of equal scores (0.0 =
// -0.0) shares its mean gain.
double quality_rank_ndcg(struct quality_rank_doc *docs, size_t n, size_t k);
// By midranks; NaN if one class only.
double quality_rank_auc(struct quality_rank_doc *docs, size_t n);
// AUC of each group weighted by its documents; groups of one class are left out of both sums. NaN
// if no group is left. scratch: n doubles.
struct quality_rank_gauc {
    double gauc;
    size_t used, left_out; // groups
};
struct quality_rank_gauc quality_rank_gauc(struct quality_rank_doc *docs, size_t n,
                                           double *scratch);
