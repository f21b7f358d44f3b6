// From logit to the answered pCTR (spec/algorithm.md 9, order in serving):
//
//   logit -> + shift -> map -> clamp to [1e-7, 1 - 1e-7] -> the nearest float
//
// Evaluated in double, without libm: the same bits on every machine. Every map that passes
// calibrate_check never falls where the logit rises, to the last bit, so a map cannot turn the
// order of two candidates round.
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "proto/json_value.h"

#include <stdbool.h>
#include <stddef.h>

// With s the shifted logit. From the simplest to the most flexible.
enum calibrate_kind {
    CALIBRATE_IDENTITY,    // sigma(s)
    CALIBRATE_OFFSET,      // sigma(s + intercept)
    CALIBRATE_TEMPERATURE, // sigma(s / temperature)
    CALIBRATE_PLATT,       // sigma(slope s + intercept)
    CALIBRATE_SIR,         // p = sigma(s) between the knots (x, y), plus 1e-9 p
    CALIBRATE_ISOTONIC,    // s between the knots (x, y), constant outside
    CALIBRATE_KINDS
};

enum { CALIBRATE_MAX_KNOTS = 1 << 20 };

// All zero is the identity. What the kind does not use is 0.
struct calibrate {
    enum calibrate_kind kind;
    double shift; // ln w: a negative was kept with chance w in the training data; 0: all were
    double temperature, slope, intercept;
    size_t knots;
    const double *x, *y; // (knots) borrowed; tensors cal.x and cal.y of a model file
};

const char *calibrate_kind_name(enum calibrate_kind kind); // "isotonic"
MUST_USE bool calibrate_kind_of(const char *name, enum calibrate_kind *ret_kind);

// The manifest's "calibration" object, and back. Of knots it has the number alone. An unknown kind
// and a key that is not the kind's are refused by name.
MUST_USE enum status calibrate_from_json(const struct json_value *object,
                                         struct calibrate *ret_calibrate, struct diag *reterr);
struct json_value *calibrate_to_json(const struct calibrate *calibrate);

// The law of every map, read or to be written: numbers in their ranges, knots finite, x rising, y
// never falling and in [0, 1], those of sir from x = 0 to x = 1. STATUS_CORRUPT with the place.
MUST_USE enum status calibrate_check(const struct calibrate *calibrate, struct diag *reterr);

// For people: one line without its end.
void calibrate_describe(const struct calibrate *calibrate, struct buf *out);

// Whether it is sigma of the logit as it stands.
bool calibrate_is_plain(const struct calibrate *calibrate);
// Shift and map without the clamp. `logit` is finite.
double calibrate_unclamped(const struct calibrate *calibrate, float logit);
// Probability in double, clamped to [1e-7, 1 - 1e-7]. `logit` is finite.
double calibrate_probability(const struct calibrate *calibrate, float logit);
// logit (n) -> pctr (n): the float nearest to the clamped probability. STATUS_NOT_FINITE if any
// logit is not.
MUST_USE enum status calibrate_apply(const struct calibrate *calibrate, const float *logit,
                                     size_t n, float *pctr);
