// One thread of the generator: its connections, its schedule, what it saw.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "loadtest/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// What all threads have in common; outlives them.
struct client_plan {
    struct sockaddr_storage address;
    socklen_t address_size;
    const struct span *requests; // (request_count) whole requests, head and body
    size_t request_count;
    double per_second; // of one thread, open loop; 0: closed loop
    bool poisson;
    bool retry_stale; // a request on a kept connection that ended before a byte came is sent once
                      // more
    bool bodiless;    // answers have no body whatever their head says: to HEAD
    uint64_t seed;
    uint64_t start_ns, warmup_ns, duration_ns; // tick_ns; from the start; with the warm-up
    uint64_t window_ns;                        // 0: no windows
    uint64_t timeout_ns, deadline_ns;          // of a request; 0: no deadline
    size_t threads;                            // that share the following; <= connections
    size_t connections, max_backlog;
    const bool *stop; // set by a signal, atomically; read now and then
};

struct client; // owns its sockets

// `index`: of the thread. STATUS_NO_MEMORY, STATUS_IO.
MUST_USE enum status client_new(const struct client_plan *plan, unsigned index,
                                struct client **ret_client, struct diag *reterr);
void client_free(struct client *client); // NULL is nothing
// Waits for the start; until the plan is over and every request is answered or given up, so that
// planned = answered + errors. Requests that an interruption leaves open are not counted at all.
void client_run(struct client *client);
// Of planned times after the warm-up.
struct tally *client_tally(struct client *client);
size_t client_connections(const struct client *client); // its share
// Closed loop: answers and the longest wait (ns) of connection `at`.
void client_connection(const struct client *client, size_t at, uint64_t *ret_count,
                       uint64_t *ret_worst_ns, uint64_t *ret_median_ns);
