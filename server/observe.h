// What operators ask: alive, ready, metrics, version, schema. Answered on the I/O thread, from
// memory; none depends on a worker, so they answer when the server is busiest.
#pragma once

#include "base/buf.h"
#include "base/logline.h"
#include "base/queue.h"
#include "base/status.h"
#include "server/admit.h"
#include "server/conns.h"
#include "server/pulse.h"
#include "server/registry.h"
#include "server/server_metrics.h"

#include <stdatomic.h>
#include <stdbool.h>

struct lifecycle;

struct observe {
    struct registry *registry;
    struct lifecycle *_Atomic lifecycle; // NULL until the models are loaded
    struct server_metrics *metrics;
    struct queue *queue;
    struct admit *admit;
    struct conns *conns;
    const struct pulse *pulse;
    struct logline *lines; // of the access log; NULL: there is none
    struct span openapi;   // the document
    const char *kernels;
    unsigned workers;
    size_t max_candidates;
    atomic_bool started;    // all models are loaded
    atomic_bool draining;   // readyz answers 503, replies close their connection
    atomic_size_t inflight; // requests begun and not ended, of all routes
};

// One request: what stands behind the '?', as it was sent, and who reads.
enum { OBSERVE_ARGUMENTS = 8 };
struct observe_call {
    unsigned reader; // of the registry: of this thread
    bool openmetrics;
    size_t count; // more than OBSERVE_ARGUMENTS: too many
    struct {
        const char *name, *value; // value "" where there is none
    } arguments[OBSERVE_ARGUMENTS];
};
void observe_argument(struct observe_call *call, const char *name, const char *value);

// Each appends a whole body to `out`: of the route, or {"error": ...}. livez does not depend on a
// model. readyz and healthz: STATUS_UNAVAILABLE while models are loaded at start, when none serves
// or one scores otherwise than it should (pulse.h), and when draining; startupz until the first
// load is done. ?verbose lists the checks, ?exclude=NAME leaves one out.
enum status observe_livez(struct observe *observe, const struct observe_call *call,
                          struct buf *out);
enum status observe_readyz(struct observe *observe, const struct observe_call *call,
                           struct buf *out);
enum status observe_startupz(struct observe *observe, const struct observe_call *call,
                             struct buf *out);
enum status observe_healthz(struct observe *observe, const struct observe_call *call,
                            struct buf *out);
enum status observe_metrics(struct observe *observe, const struct observe_call *call,
                            struct buf *out);
enum status observe_version(struct observe *observe, const struct observe_call *call,
                            struct buf *out);
enum status observe_openapi(struct observe *observe, const struct observe_call *call,
                            struct buf *out);
// ?model= and ?version= (a number or a label) choose as in a rank body.
enum status observe_schema(struct observe *observe, const struct observe_call *call,
                           struct buf *out);
