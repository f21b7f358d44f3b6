// Losses of all towers from logits, value and gradient (spec/algorithm.md 2, 3, 4, 10).
//
// Float logits in, double arithmetic, gradients rounded to float once. Never log(p): everything is
// in log space, so that logits of any size give finite values. O(n) a list, ListMLE O(n log n) for
// its sort. Pure functions; the only memory is the caller's scratch.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the student is pulled to, beside the clicks.
enum loss_kd {
    LOSS_KD_NONE,
    LOSS_KD_POINTWISE,     // sigma(s_t / tau)
    LOSS_KD_LISTMLE,       // the teacher's order
    LOSS_KD_LISTNET,       // p_t / sum p_t against softmax(s)
    LOSS_KD_LISTNET_LOGIT, // softmax(s_t) against softmax(s)
    LOSS_KD_CLID,          // p_t / sum p_t against p_s / sum p_s
    LOSS_KD_CLID_MASS,     // the same, weighted by the list's expected clicks
    LOSS_KD_RCR,           // the list's clicks against p_s / sum p_s; no teacher
};

// How a shallow tower over the privileged features enters PointCE.
enum loss_join {
    LOSS_JOIN_NONE,
    LOSS_JOIN_ADD,     // sigma(s_main + keep * s_shallow): PriDropOut
    LOSS_JOIN_PRODUCT, // sigma(s_main) * sigma(s_shallow): PAL
};

// PointCE: mean over the samples of the minibatch, or summed inside a list and averaged over lists;
// the pointwise distillation loss likewise.
enum loss_reduce { LOSS_SAMPLE_MEAN, LOSS_LIST_SUM };

struct loss_config {
    enum loss_kd kd;
    enum loss_join join; // not LOSS_JOIN_NONE: kd is LOSS_KD_NONE
    double alpha;        // weight of PointCE; LOSS_KD_NONE ignores it: 1
    double kd_weight;    // of L_d: 1 - alpha, or 0 while kd_warmup_steps last
    enum loss_reduce reduce;
    double tau;      // > 0, pointwise
    bool tau2_scale; // pointwise: loss and gradient times tau^2
    bool rcr_norm;   // RCR with the published 1/C
};

// A minibatch of whole lists: list q is rows offset[q] .. offset[q+1]-1. Empty lists do not exist
// for the loss; every other one counts in the mean over lists.
struct loss_batch {
    const uint64_t *offset; // (lists + 1)
    size_t lists;
    const float *label;   // (n) 0 or 1, or between
    const float *student; // (n) logits of the main tower
    const float *shallow; // (n) logits of the shallow tower; NULL without one
    const float *keep;    // (n) factor of s_shallow, m / (1 - rate); NULL: 1
    const float *teacher; // (n) logits; NULL without one
    // (n) order among equal teacher logits for ListMLE, then by position; NULL: position alone
    const uint32_t *tie;
    double log_mass; // log of the mean of Z_t, for LOSS_KD_CLID_MASS
};

struct loss_scratch { // room for n rows each
    uint32_t *order;
    double *first, *second;
};

struct loss_value {
    double total, point_ce, kd; // the parts before weighting
    double kl; // kd minus its least value (the entropy of the targets): 0 at the optimum
};

double loss_log_sigmoid(double s);
double loss_point_ce(double logit, double label); // label in [0, 1]
double loss_point_ce_grad(double logit, double label);
double loss_log_add(double a, double b); // log(exp(a) + exp(b))

// One list of n >= 1: the distillation loss of `config`, and d loss / d student (n) in `grad`, both
// before any reduction (pointwise: mean over the list). For tests and plots.
double loss_list(const struct loss_config *config, const struct loss_batch *list, size_t n,
                 struct loss_scratch *scratch, double *grad, double *ret_kl);

// A minibatch: d total / d logit (n) of the main tower in `grad` and, with a join, of the shallow
// one in `grad_shallow` (else NULL). At kd_weight 0 a teacher only gives kd and kl: total and
// gradient are the bits of LOSS_KD_NONE (at alpha 1), and it may be NULL. STATUS_NOT_FINITE if a
// logit of the student, the shallow tower or of a teacher that is looked at is not finite; then
// nothing is written.
MUST_USE enum status loss_minibatch(const struct loss_config *config,
                                    const struct loss_batch *batch, struct loss_scratch *scratch,
                                    float *grad, float *grad_shallow, struct loss_value *ret_value);
