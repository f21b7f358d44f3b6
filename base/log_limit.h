// How often an equal line is logged: 10 a second for each (level, event); the rest is counted.
// Not thread-safe: the logger holds its lock. All zero is a fresh limiter.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { LOG_LIMIT_LINES = 10, LOG_LIMIT_EVENTS = 256 };

struct log_limit {
    struct log_limit_event {
        const char *event; // a constant of the program; NULL: free
        int level;
        uint64_t window_ns; // start of the second that `lines` counts
        unsigned lines;
        uint64_t held; // lines not written since the last one that was
    } events[LOG_LIMIT_EVENTS];
};

// May this line be written now? If so *ret_repeated is the number held back before it. A program
// with more than LOG_LIMIT_EVENTS events has the others written without limit.
bool log_limit_pass(struct log_limit *limit, int level, const char *event, uint64_t now_ns,
                    uint64_t *ret_repeated);
