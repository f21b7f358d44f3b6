// Whether a request may come in: the memory of bodies has a budget, and a request that would not be
// ready by its deadline is refused before it costs anything.
//
// What a request will cost is learnt from those that were served: time of a worker as a line over
// the size of the body, by least squares with old requests forgotten exponentially. The wait is the
// expected cost of what is before it, over the workers. Thread-safe.
#pragma once

#include "server/slot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admit {
    size_t max_bytes; // of bodies: being read, waiting, ranked
    unsigned workers;
    atomic_size_t bytes;
    atomic_size_t waiting_bytes;             // of those in the queue
    _Atomic uint64_t waiting_ns, running_ns; // expected cost of what is queued, of what is taken
    pthread_mutex_t lock;                    // of the rest: moments of (body bytes, cost in ns)
    double weight, mean_x, mean_y, var_x, cov_xy;
    _Atomic double at_zero, per_byte; // the line
    _Atomic uint64_t longest_ns;      // of CPU, by a recent request; 0: none yet
    _Atomic uint64_t most_bytes;      // of the body of a recent one that was served
};

struct admit_spent {
    uint64_t wall_ns; // by one that was served; 0: it was not
    uint64_t cpu_ns;  // whatever came of it
};

void admit_init(struct admit *admit, size_t max_bytes, unsigned workers);
void admit_fini(struct admit *admit);

// More bytes of the slot's body have come; the slot gives them back with its last owner. False: the
// budget is used up; nothing was taken.
MUST_USE bool admit_bytes(struct admit *admit, struct slot *slot, size_t more);

// Whether a request with such a body takes at most `limit_ns`: it is expected to, and no recent one
// of any size took several times as long. False while nothing was learnt, and for a body far longer
// than all recent ones.
bool admit_is_short(const struct admit *admit, size_t body_bytes, uint64_t limit_ns);
// Whether a request with such a body, that came now, would be served by its deadline (0: none).
bool admit_in_time(struct admit *admit, size_t body_bytes, uint64_t deadline_ns, uint64_t now_ns);
// The body is there: false if it would not be served by the slot's deadline, nothing is counted
// then. True: it counts as waiting, and it is put into the queue.
MUST_USE bool admit_enter(struct admit *admit, struct slot *slot, uint64_t now_ns);
// It did not get into the queue, or its deadline has passed there: by who moved it from QUEUED.
void admit_undo(struct admit *admit, struct slot *slot);
void admit_take(struct admit *admit, struct slot *slot); // by a worker: it waits no more
// It is no longer with the worker; what it took teaches what the next will.
void admit_leave(struct admit *admit, struct slot *slot, const struct admit_spent *spent);

// Seconds after which a refused client may come again: the wait, rounded up, at least 1.
unsigned admit_retry_after_s(struct admit *admit);
