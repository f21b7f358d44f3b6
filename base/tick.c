#include "base/tick.h"

#include <assert.h>
#include <time.h>

static struct timespec tick_read(clockid_t clock)
{
    struct timespec now;
    int failed = clock_gettime(clock, &now);
    assert(failed == 0);
    (void)failed;
    return now;
}

uint64_t tick_ns(void)
{
    struct timespec now = tick_read(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t tick_cpu_ns(void)
{
    struct timespec now = tick_read(CLOCK_THREAD_CPUTIME_ID);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double tick_seconds_since(uint64_t start_ns)
{
    return (double)(tick_ns() - start_ns) * 1e-9;
}

uint64_t tick_wall_ms(void)
{
    struct timespec now = tick_read(CLOCK_REALTIME);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}
