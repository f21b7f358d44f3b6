// A histogram of durations over many orders of magnitude, in fixed memory: buckets of a width of
// 1/64 of their value (HdrHistogram's layout with 6 bits). One thread at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    HIST_BITS = 6,
    HIST_HALF = 1 << HIST_BITS, // buckets of a power of two
    HIST_BUCKETS = HIST_HALF * (64 - HIST_BITS + 1),
};

struct hist {
    uint64_t count, most; // of all; the largest value, exactly
    double sum;
    uint32_t buckets[HIST_BUCKETS];
};

void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
// The value that a share `q` in [0, 1] of all does not exceed, at most 1/64 too large; the largest
// one exactly for q = 1. 0 if there is none.
uint64_t hist_quantile(const struct hist *hist, double q);
