// What a run of the generator has seen: as a table for people, as JSON for programs.
#pragma once

#include "base/buf.h"
#include "loadtest/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Of one connection, closed loop.
struct report_connection {
    uint64_t count, worst_ns, median_ns;
};

struct report {
    const struct tally *tally; // of all threads
    double seconds;            // that were counted: without the warm-up, up to an interruption
    bool interrupted;          // by a signal
    uint64_t start_ns;         // CLOCK_MONOTONIC, of the warm-up
    double asked_per_second;   // 0: closed loop
    uint64_t warmup_ns, window_ns, deadline_ns;
    const struct report_connection *connections; // (connection_count); NULL: open loop
    size_t connection_count;
};

void report_table(const struct report *report, struct buf *out);
void report_json(const struct report *report, struct buf *out);
