// Losses of teacher and student from logits, value and gradient (spec/algorithm.md 2, 3.4, 3.7).
//
// Float logits in, double arithmetic, gradients rounded to float once. Never log(p): everything is
// in log space, so that logits of any size give finite values. Pure functions, no memory.
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum loss_method { LOSS_BASE, LOSS_CLID };
// PointCE: mean over the samples of the minibatch, or summed inside a list and averaged over lists.
enum loss_reduce { LOSS_SAMPLE_MEAN, LOSS_LIST_SUM };

struct loss_config {
    enum loss_method method;
    double alpha; // weight of PointCE; 1 - alpha is L_d's. alpha = 1/(1+r). LOSS_BASE ignores it
    enum loss_reduce reduce;
};

struct loss_value {
    double total, point_ce, kd; // before weighting
    double kl;                  // kd minus the entropy of the teacher's shares: 0 at the optimum
};

double loss_log_sigmoid(double s);
double loss_point_ce(double logit, double label); // label in [0, 1]
double loss_point_ce_grad(double logit, double label);

// One list of n >= 1. Returns the loss and writes d loss / d student (n). n = 1 gives exact zeros.
double loss_clid(const float *student, const float *teacher, size_t n, double *grad,
                 double *ret_kl);

// A minibatch of whole lists: list q is rows offset[q] .. offset[q+1]-1. Empty lists do not exist
// for the loss; every other one counts in the mean over lists. label is 0 or 1, or between. grad
// (n) of the total. LOSS_BASE does not look at `teacher`. With alpha = 1 it may be NULL (kd and kl
// are then 0), else it only gives kd and kl: total and gradient are the bits of LOSS_BASE.
// STATUS_NOT_FINITE if a logit of the student or of a teacher that is looked at is not finite; then
// nothing is written.
MUST_USE enum status loss_minibatch(const struct loss_config *config, const float *student,
                                    const float *teacher, const float *label,
                                    const uint64_t *offset, size_t lists, float *grad,
                                    struct loss_value *ret_value);
