// Time: the monotonic clock for durations and deadlines, the wall clock for logs only.
#pragma once

#include <stdint.h>

uint64_t tick_ns(void);     // CLOCK_MONOTONIC
uint64_t tick_cpu_ns(void); // of the CPU, used by this thread
double tick_seconds_since(uint64_t start_ns);
uint64_t tick_wall_ms(void); // since 1970, UTC
