// How far a model's probabilities are from the true ones, where those are known: FILE.truth beside
// made data (docs/synth.md; spec/algorithm.md 7, 8).
#pragma once

#include "base/status.h"

#include <stddef.h>

// A probability inside (0, 1) a line, `docs` of them. As numberfile_read.
MUST_USE enum status truth_read(const char *path, size_t docs, double **ret_truth,
                                struct diag *reterr);

struct truth_error {
    double rms;  // root of the mean of (p - P)^2
    double bias; // mean of p - P
    double kl;   // mean of KL(Bernoulli(P) || Bernoulli(p)), nats: what LogLoss has above its least
};
// p (n) inside (0, 1). The same bits for any order of the documents. n >= 1. STATUS_NO_MEMORY.
MUST_USE enum status truth_measure(const double *p, const double *truth, size_t n,
                                   struct truth_error *ret_error);
