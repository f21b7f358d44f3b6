// The losses with memory of their own, for tests.
#pragma once

#include "model/train/loss.h"

// alpha and 1 - alpha; tau 1, RCR by 1/C.
struct loss_config losses_config(enum loss_kd kd, double alpha, enum loss_reduce reduce);
// One list.
double losses_list(const struct loss_config *config, const struct loss_batch *list, size_t n,
                   double *grad, double *ret_kl);
double losses_clid(const float *student, const float *teacher, size_t n, double *grad,
                   double *ret_kl);
// A minibatch of one tower.
MUST_USE enum status losses_minibatch(const struct loss_config *config, const float *student,
                                      const float *teacher, const float *label,
                                      const uint64_t *offset, size_t lists, float *grad,
                                      struct loss_value *ret_value);
