// Inverted dropout, forward and backward (spec/algorithm.md 6.2): kept units x 1/(1 - rate).
//
// The mask is made apart from its use, so that a test can bring its own. It is a pure function of
// seed, epoch, step, row of the minibatch and unit: neither threads nor restarts change it.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct layer_dropout_draw {
    uint64_t seed;
    uint32_t epoch, step;
    double rate; // 0 <= rate < 1
};

// mask (units) of one row: 1 keeps, 0 drops. Unit u is dropped if word u % 4 of Philox with key
// (seed, RNG_DROPOUT) and counter (epoch, step, row, block + u / 4) is below floor(rate * 2^32).
// `block` tells the layers of a tower apart; a layer takes layer_dropout_blocks(units) of them.
void layer_dropout_mask(const struct layer_dropout_draw *draw, uint32_t row, uint32_t block,
                        size_t units, uint8_t *mask);
size_t layer_dropout_blocks(size_t units);

// x <- x * mask / (1 - rate), over `count` numbers
void layer_dropout_forward(float *x, const uint8_t *mask, size_t count, double rate);
// g <- g * mask / (1 - rate)
void layer_dropout_backward(float *g, const uint8_t *mask, size_t count, double rate);
