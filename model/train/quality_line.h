// The calibration line: logistic fit y ~ sigma(a s + b) (spec/algorithm.md 7). (1, 0) is ideal.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct quality_line_point {
    double s; // finite
    double y; // in [0, 1]; a soft label belongs to both classes
};

struct quality_line {
    double slope, intercept;
};

// One class only, or a threshold on s separates the classes, equality included: no finite fit
// exists.
bool quality_line_separable(const struct quality_line_point *points, size_t n);

// Damped Newton to the minimum of the cross-entropy. false where no finite fit exists
// (quality_line_separable) or none was reached. Sums run in the order given: give sorted points
// where the last bit matters.
bool quality_line_fit(const struct quality_line_point *points, size_t n,
                      struct quality_line *ret_line);
