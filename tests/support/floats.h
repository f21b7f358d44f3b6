// Floats for tests of kernels: filled, compared by their bits, multiplied in the promised order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum floats_kind {
    FLOATS_TAME, // normal, mean 0, deviation 1
    FLOATS_WILD, // also NaN, infinities, denormals, zeros of both signs, the largest and the
                 // smallest
};

void floats_fill(float *x, size_t n, uint64_t seed, enum floats_kind kind);
// Exactly n floats whose address is a multiple of 4 bytes and of nothing more, so that ASan sees
// the end and the processor sees the misalignment. Freed by floats_free.
float *floats_odd(size_t n);
void floats_free(float *x);

// Same bits, or NaN both.
bool floats_same(float a, float b);
// The first index at which they differ, n if they do not.
size_t floats_differ(const float *a, const float *b, size_t n);

// The reduction order of the design, written down a second time: output j of one row by fmaf.
float floats_chain(const float *x, const float *w, size_t in, float init);
float floats_partials(const float *x, const float *w, size_t in, float bias);

// Says on stdout which kernel sets run on this machine and which are skipped.
void floats_announce_sets(void);
