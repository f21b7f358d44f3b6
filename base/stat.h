// Statistics of a few repeated measurements: mean, Student's t interval, paired differences.
// Source: Student's distribution by the regularised incomplete beta function and its continued
// fraction, NIST DLMF 8.17.22; inverted by bisection.
#pragma once

#include <stddef.h>

// P(|T| > t) of Student's t with `freedom` degrees of freedom, freedom >= 1.
double stat_student_tail(double t, double freedom);
// The t that |T| exceeds with probability `tail`, 0 < tail < 1: stat_student_quantile(.05, 4) =
// 2.776.
double stat_student_quantile(double tail, double freedom);

struct stat_mean {
    size_t n;
    double mean; // NaN for n = 0
    double half; // half of the 95 % interval; NaN for n < 2
};
// values (n), none of them NaN. The sums run in the order given.
struct stat_mean stat_mean_of(const double *values, size_t n);
