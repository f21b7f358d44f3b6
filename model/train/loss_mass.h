// Z_t, the clicks that a teacher expects of a list, as logarithms: they weigh lists by mass
// (spec/algorithm.md 3.6), and a teacher whose every p underflows has them too.
#pragma once

#include <stddef.h>
#include <stdint.h>

// log of the sum of sigma(logit), n >= 1.
double loss_mass_log(const float *logit, size_t n);
// log of the mean of Z over `lists` >= 1 lists: those numbered in `list`, or all (NULL) from the
// first on. List q is logit[offset[q]] .. logit[offset[q + 1] - 1], at least one of them.
double loss_mass_log_mean(const float *logit, const uint64_t *offset, const uint32_t *list,
                          size_t lists);
// The running mean of Z, moved towards that of a minibatch; all are logarithms.
double loss_mass_follow(double log_running, double log_batch);
