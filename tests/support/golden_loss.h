// The losses as the golden files name them.
#pragma once

#include "tests/support/golden.h"
#include "tests/support/losses.h"

// An entry's method with its tau, tau2_scale, rcr_norm, and zbar as log_mass (0 where it has none).
struct golden_loss {
    struct loss_config config; // alpha 0
    double log_mass;
};
struct golden_loss golden_loss_of(const struct golden_case *c, const struct json_value *entry);
// A name without parameters.
enum loss_kd golden_loss_kd(const struct golden_case *c, const char *method);
