// What is answered when a deadline passes: 504, or with rank.on_deadline by_bid the candidates by
// bid, which are read from the body.
//
// Two threads (slot_timer.h). One ends requests, at their deadline. The other reads what takes long
// to read, so long before the deadline that the answer by bid is ready then; whether it is needed
// shows at the deadline.
#pragma once

#include "base/status.h"
#include "server/admit.h"
#include "server/live.h"
#include "server/registry.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "server/slot.h"

#include <stddef.h>
#include <stdint.h>

enum { EXPIRY_THREADS = SLOT_PLACES }; // each may hold a slot that everybody else let go of

struct expiry_parts {
    size_t slots; // watched at a time, at most
    struct registry *registry;
    const struct server_metrics *metrics;
    unsigned thread; // the first of EXPIRY_THREADS readers of the registry and shards of metrics
    struct serve_limits limits;
    struct admit *admit;
    const struct live *live;
};

struct expiry; // owns the threads and their memory

// STATUS_NO_MEMORY, STATUS_IO (no thread).
MUST_USE enum status expiry_start(const struct expiry_parts *parts, struct expiry **ret_expiry,
                                  struct diag *reterr);
// Ends the threads: from then on nothing expires. Slots may still be watched and removed until
// expiry_free. NULL is nothing.
void expiry_stop(struct expiry *expiry);
void expiry_free(struct expiry *expiry); // stopped, and none is watched; NULL is nothing

// Any thread, before the slot is put into the queue. Whoever ends it calls slot_timer_remove. One
// without a deadline is not watched.
void expiry_watch(struct expiry *expiry, struct slot *slot);
// When the answer by bid is begun, of a body that takes long to read; 0: it is read at the
// deadline, or there is no time to read it.
uint64_t expiry_ahead_ns(const struct slot *slot, uint64_t now_ns);
