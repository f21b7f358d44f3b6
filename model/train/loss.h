// Losses of teacher and student from logits, value and gradient (spec/algorithm.md 2, 3.4).
//
// Float logits in, double arithmetic, gradients rounded to float once. Never log(p): everything is
// in log space.
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum loss_method { LOSS_BASE, LOSS_CLID };
enum loss_reduce { LOSS_SAMPLE_MEAN, LOSS_LIST_SUM };

struct loss_config {
    enum loss_method method;
    double alpha; // weight of PointCE; 1 - alpha is L_d's. alpha = 1/(1+r)
    enum loss_reduce reduce;
};

struct loss_value {
    double total, point_ce, kd; // kd before weighting
    double kl;                  // kd minus the entropy of the teacher's shares: 0 at the optimum
};

double loss_log_sigmoid(double s);
double loss_point_ce(double logit, double label);

// One list. Each returns the loss and writes d loss / d logit in double.
double loss_clid(const float *student, const float *teacher, size_t n, double *grad,
                 double *ret_entropy);

// A minibatch of whole lists: list q is rows offset[q] .. offset[q+1]-1. `teacher` may be NULL for
// LOSS_BASE. grad (n) of the total. STATUS_NOT_FINITE if a logit of student or teacher is not
// finite.
MUST_USE enum status loss_minibatch(const struct loss_config *config, const float *student,
                                    const float *teacher, const float *label,
                                    const uint64_t *offset, size_t lists, float *grad,
                                    struct loss_value *ret_value);
