// One made feature: which latent factors it shows, how noisy, in which distribution. For
// synth_letor.
#pragma once

#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

// A document's z = (w[0] u[k[0]] + w[1] u[k[1]] + w[2] e) is of unit variance over all documents.
enum synth_shape_kind {
    SYNTH_SHAPE_HEAVY,         // scale * exp(1.2 z), 3 decimals
    SYNTH_SHAPE_COUNT,         // floor(exp(1 + z))
    SYNTH_SHAPE_ZERO_INFLATED, // z < 0.3: 0, else scale * (exp(1.5 (z - 0.3)) - 1), 6 decimals
    SYNTH_SHAPE_LOG_LIKE,      // -12 + 3 z, 6 decimals
    SYNTH_SHAPE_FRACTION,      // 1 / (1 + exp(-z)), 6 decimals
    SYNTH_SHAPE_FLAG,          // z > 0
    SYNTH_SHAPE_VERY_HEAVY,    // floor(scale * exp(2.5 z))
    SYNTH_SHAPE_KINDS,
};

struct synth_shape {
    enum synth_shape_kind kind;
    unsigned k[2];
    double w[3];
    double scale;
};

enum { SYNTH_SHAPE_FEATURE_BYTES = 40 }; // " number:value" at most

// Shows factor `main` and another one of `factors`.
struct synth_shape synth_shape_draw(struct rng *rng, unsigned main, unsigned factors);
double synth_shape_value(const struct synth_shape *shape, const double *u, struct rng *noise);
// The value as text without trailing zeros; returns the end. Not terminated.
char *synth_shape_print(char *at, const struct synth_shape *shape, const double *u,
                        struct rng *noise);
char *synth_shape_print_integer(char *at, uint64_t n);
