// When requests are to be sent: open loop, whatever the server does.
#pragma once

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    double gap_ns, next_ns; // mean time between two requests; after the start
    bool poisson;           // else all gaps are equal
    struct rng rng;
};

// `stream`: which of several schedules with the same seed.
void schedule_start(struct schedule *schedule, double per_second, bool poisson, uint64_t seed,
                    uint32_t stream);
// Nanoseconds after the start; never smaller than the one before.
uint64_t schedule_next(struct schedule *schedule);
