#include "server/worker.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/server_metrics.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

struct worker {
    const struct worker_parts *parts;
    struct serve serve;
    pthread_t thread;
};

struct worker_crew {
    struct worker_parts parts;
    unsigned ready, running; // workers with memory, with a thread
    struct worker workers[];
};

// A suspended connection does not notice that its client went away; computing for it would be
// waste.
static bool client_gone(const struct slot *slot)
{
    struct pollfd probe = {.fd = slot->socket_fd, .events = POLLRDHUP};
    return poll(&probe, 1, 0) == 1;
}

static enum status refuse(struct slot *slot)
{
    rank_encode_error(NULL, STATUS_UNAVAILABLE, &slot->reply);
    return STATUS_UNAVAILABLE;
}

static enum status answer(struct worker *worker, struct slot *slot)
{
    struct serve *serve = &worker->serve;
    if (client_gone(slot)) {
        server_metrics_shed(serve->shard, SERVER_METRICS_CLIENT_GONE);
        return refuse(slot);
    }
    struct serve_call call = {
        .body = slot->body.data,
        .size = slot->body_size,
        .arrival_ns = slot->arrival_ns,
        .deadline_ns = slot->deadline_ns,
        .queue_ns = tick_ns() - slot->queued_ns,
    };
    const struct registry_model *model = registry_model(worker->parts->registry);
    return slot->route->serve(serve, model, &call, &slot->reply);
}

// `code` is that of the reply, which is made.
static void finish(const struct worker_parts *parts, struct slot *slot, enum status code)
{
    slot->outcome = code;
    if (slot_move(slot, SLOT_TAKEN, SLOT_DONE))
        parts->wake(slot);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    void *item;
    while (queue_take(worker->parts->queue, &item)) {
        struct slot *slot = item;
        if (slot_move(slot, SLOT_QUEUED, SLOT_TAKEN))
            finish(worker->parts, slot, answer(worker, slot));
        slot_release(worker->parts->slots, slot);
    }
    return NULL;
}

static enum status start_all(struct worker_crew *crew, unsigned count, struct diag *reterr)
{
    for (; crew->ready < count; crew->ready++) {
        struct worker *worker = &crew->workers[crew->ready];
        worker->parts = &crew->parts;
        if (serve_init(&worker->serve, &crew->parts.limits, registry_model(crew->parts.registry),
                       metric_shard(crew->parts.metrics->set, crew->ready + 1)) != STATUS_OK)
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for worker %u", crew->ready);
    }
    for (; crew->running < count; crew->running++) {
        struct worker *worker = &crew->workers[crew->running];
        if (pthread_create(&worker->thread, NULL, run, worker) != 0)
            return diag_set(reterr, STATUS_IO, "worker thread %u cannot be made", crew->running);
    }
    return STATUS_OK;
}

enum status worker_start(const struct worker_parts *parts, unsigned count,
                         struct worker_crew **ret_crew, struct diag *reterr)
{
    struct worker_crew *crew = calloc(1, sizeof(*crew) + count * sizeof(struct worker));
    if (crew == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %u workers", count);
    crew->parts = *parts;
    enum status code = start_all(crew, count, reterr);
    if (code != STATUS_OK) {
        queue_close(parts->queue);
        worker_stop(crew);
        return code;
    }
    *ret_crew = crew;
    return STATUS_OK;
}

unsigned worker_refuse(struct worker_crew *crew)
{
    unsigned count = 0;
    void *item;
    for (; queue_take(crew->parts.queue, &item); count++) {
        struct slot *slot = item;
        if (slot_move(slot, SLOT_QUEUED, SLOT_TAKEN))
            finish(&crew->parts, slot, refuse(slot));
        slot_release(crew->parts.slots, slot);
    }
    return count;
}

void worker_stop(struct worker_crew *crew)
{
    if (crew == NULL)
        return;
    for (unsigned i = 0; i < crew->running; i++)
        pthread_join(crew->workers[i].thread, NULL);
    for (unsigned i = 0; i < crew->ready; i++)
        serve_fini(&crew->workers[i].serve);
    free(crew);
}
