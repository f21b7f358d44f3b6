#include "loadtest/schedule.h"

#include <math.h>

static double gap(struct schedule *schedule)
{
    if (!schedule->poisson)
        return schedule->gap_ns;
    return -log1p(-rng_uniform(&schedule->rng)) * schedule->gap_ns;
}

void schedule_start(struct schedule *schedule, double per_second, bool poisson, uint64_t seed,
                    uint32_t stream)
{
    schedule->gap_ns = 1e9 / per_second;
    schedule->poisson = poisson;
    rng_start(&schedule->rng, seed, RNG_ARRIVALS, stream, 0);
    // Equal gaps of several threads are spread over one gap.
    schedule->next_ns = poisson ? gap(schedule) : schedule->gap_ns * rng_uniform(&schedule->rng);
}

uint64_t schedule_next(struct schedule *schedule)
{
    double now = schedule->next_ns;
    schedule->next_ns += gap(schedule);
    return (uint64_t)now;
}
