// What one thread of the generator has seen, and the sum of all.
#pragma once

#include "base/hist.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define TALLY_ERROR_TABLE(X)                                                                       \
    X(TALLY_CONNECT, "connect") /* refused, or no socket */                                        \
    X(TALLY_RESET, "reset")     /* ended before the response was whole */                          \
    X(TALLY_TIMEOUT, "timeout")                                                                    \
    X(TALLY_MALFORMED, "malformed")                                                                \
    X(TALLY_BACKLOG, "backlog") /* no connection was free for too many */
#define TALLY_ERROR_ENUM(id, text) id,
enum tally_error { TALLY_ERROR_TABLE(TALLY_ERROR_ENUM) TALLY_ERRORS };
#undef TALLY_ERROR_ENUM

enum { TALLY_STATUSES = 600 };

// Requests by the time that they were planned for.
struct tally_window {
    uint64_t planned, ok, other, errors; // ok: status 200
    struct hist latency;                 // of answered ones, ns
};

struct tally {
    uint64_t planned, sent, ok, in_time, retried; // in_time: 200 within the deadline
    uint64_t retry_after;                         // answers 429 and 503 with this header
    const char *fault;                            // of the first malformed answer; a constant
    uint64_t statuses[TALLY_STATUSES], errors[TALLY_ERRORS];
    struct hist all, good;                  // ns, from the planned time: answered; 200
    struct hist lateness, waited;           // ns: how late the generator planned it; until sent
    struct hist *by_status[TALLY_STATUSES]; // of those that came
    size_t window_count;
    struct tally_window *windows;
};

MUST_USE enum status tally_init(struct tally *tally, size_t windows);
void tally_fini(struct tally *tally);
void tally_merge(struct tally *into, const struct tally *from); // equal numbers of windows
// `window` past the last is not counted there.
void tally_answer(struct tally *tally, size_t window, int status, uint64_t latency_ns,
                  uint64_t deadline_ns);
void tally_error(struct tally *tally, size_t window, enum tally_error error);
