// What operators ask: alive, ready, metrics, version. Answered on the I/O thread, from memory; none
// depends on a worker, so they answer when the server is busiest.
#pragma once

#include "base/buf.h"
#include "base/queue.h"
#include "base/status.h"
#include "server/registry.h"
#include "server/server_metrics.h"

#include <stdatomic.h>

struct observe {
    const struct registry *registry;
    struct server_metrics *metrics;
    struct queue *queue;
    unsigned workers;
    atomic_bool draining;   // readyz answers 503, replies close their connection
    atomic_size_t inflight; // requests begun and not ended, of all routes
};

// Each appends a whole body to `out`. STATUS_OK, or STATUS_UNAVAILABLE of observe_readyz.
enum status observe_livez(struct observe *observe, struct buf *out);
enum status observe_readyz(struct observe *observe, struct buf *out);
enum status observe_metrics(struct observe *observe, struct buf *out);
enum status observe_version(struct observe *observe, struct buf *out);
