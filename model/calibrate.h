// From logit to the answered pCTR (spec/algorithm.md 9, order in serving).
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

#include <stddef.h>

enum calibrate_kind { CALIBRATE_IDENTITY };

struct calibrate {
    enum calibrate_kind kind;
};

// The manifest's "calibration" object, and back. An unknown kind is refused by name.
MUST_USE enum status calibrate_from_json(const struct json_value *object,
                                         struct calibrate *ret_calibrate, struct diag *reterr);
struct json_value *calibrate_to_json(const struct calibrate *calibrate);

// Probability in double, clamped to [1e-7, 1 - 1e-7]. `logit` is finite.
double calibrate_probability(const struct calibrate *calibrate, float logit);
// logit (n) -> pctr (n): the float nearest to the clamped probability. STATUS_NOT_FINITE if any
// logit is not.
MUST_USE enum status calibrate_apply(const struct calibrate *calibrate, const float *logit,
                                     size_t n, float *pctr);
