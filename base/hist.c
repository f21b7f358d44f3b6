#include "base/hist.h"

#include <math.h>

static size_t hist_bucket(uint64_t value)
{
    if (value < HIST_HALF)
        return (size_t)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HIST_BITS;
    return (size_t)shift * HIST_HALF + (size_t)(value >> shift);
}

// The largest value of a bucket.
static uint64_t hist_top(size_t bucket)
{
    if (bucket < 2 * HIST_HALF)
        return bucket;
    unsigned shift = (unsigned)(bucket / HIST_HALF) - 1;
    uint64_t first = (uint64_t)(bucket % HIST_HALF + HIST_HALF) << shift;
    return first + (((uint64_t)1 << shift) - 1);
}

void hist_add(struct hist *hist, uint64_t value)
{
    hist->buckets[hist_bucket(value)]++;
    hist->count++;
    hist->sum += (double)value;
    if (value > hist->most)
        hist->most = value;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    for (size_t i = 0; i < HIST_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum += from->sum;
    if (from->most > into->most)
        into->most = from->most;
}

uint64_t hist_quantile(const struct hist *hist, double q)
{
    if (hist->count == 0)
        return 0;
    double wanted = ceil(q * (double)hist->count);
    uint64_t below = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        below += hist->buckets[i];
        if (below > 0 && (double)below >= wanted)
            return hist_top(i) < hist->most ? hist_top(i) : hist->most;
    }
    return hist->most;
}
