// Requests that wait for a connection, first come, first served: a ring of fixed size. One thread.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A request that is to be answered.
struct backlog_job {
    uint64_t planned_ns; // after the start of the run
    size_t request;      // which
    bool again;          // it was sent before
};

struct backlog {
    struct backlog_job *jobs; // (capacity)
    size_t capacity, first, count;
};

MUST_USE enum status backlog_init(struct backlog *backlog, size_t capacity); // capacity > 0
void backlog_fini(struct backlog *backlog);
MUST_USE bool backlog_put(struct backlog *backlog, const struct backlog_job *job); // false: full
struct backlog_job backlog_take(struct backlog *backlog);                          // count > 0
