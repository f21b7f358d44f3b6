// Attention units with random weights, unfolded and folded, and numbers to feed them.
#pragma once

#include "model/din.h"

#include <stdint.h>

struct din_made_shape {
    size_t dim, layer_count;
    size_t widths[DIN_MAX_LAYERS]; // out of each layer
    enum din_activation activation;
    bool softmax;
};

enum { DIN_MADE_ARRAYS = 5 };

struct din_made {
    struct din_weights weights;
    float *w;                                       // (h1, 4 dim), unfolded
    float *folded[3];                               // A, B, C
    float *arrays[DIN_MAX_LAYERS][DIN_MADE_ARRAYS]; // weight, bias, kappa, mean, var
};

// Every array is as long as its numbers and misaligned (tests/support/floats.h).
struct din_made din_made_of(const struct din_made_shape *shape, uint64_t seed);
void din_made_free(struct din_made *made);
// n numbers with mean 0 and this deviation. Freed by floats_free.
float *din_made_floats(size_t n, uint64_t seed, double deviation);
