// The threads that rank: one per core, each takes a request from the queue, serves it from parse to
// encode, and wakes its connection. Each owns its arena, parser and metric shard; nothing is shared
// but the queue and the models.
#pragma once

#include "base/queue.h"
#include "base/status.h"
#include "server/admit.h"
#include "server/live.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "server/slot.h"

struct worker_crew; // owns threads

// What all workers share; outlives them.
struct worker_parts {
    struct queue *queue; // of struct slot
    struct admit *admit;
    struct registry *registry;
    struct server_metrics *metrics;
    const struct live *live;
    struct serve_limits limits;
};

// Starts `count` threads: readers 0 .. count - 1 of the registry and of the metrics.
// STATUS_NO_MEMORY, STATUS_IO (a thread could not be made): then none runs.
MUST_USE enum status worker_start(const struct worker_parts *parts, unsigned count,
                                  struct worker_crew **ret_crew, struct diag *reterr);
// Answers a slot that the caller has TAKEN, on the calling thread: fills slot->reply. `serve` and
// what it points to are the thread's own.
void worker_answer(struct serve *serve, const struct live *live, struct admit *admit,
                   struct slot *slot);
// What has come of an answer that is sent, beside its status.
void worker_count(struct metric_shard *shard, const struct serve_facts *facts);
// The queue was closed: what is still in it is answered 503 instead of ranked, so that worker_stop
// waits for the requests that are being ranked alone. Returns how many.
unsigned worker_refuse(struct worker_crew *crew);
// Waits for all; the queue was closed. They answer what is left in it first.
void worker_stop(struct worker_crew *crew);
