#include "server/worker.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/priority.h"
#include "server/server_metrics.h"
#include "server/slot_timer.h"

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

static void call_of(const struct slot *slot, const struct live *live, struct slot_answer *answer,
                    struct serve_call *ret)
{
    *ret = (struct serve_call){
        .body = slot->body.data,
        .size = slot->body_size,
        .gzip = slot->gzip,
        .arrival_ns = slot->arrival_ns,
        .deadline_ns = slot->deadline_ns,
        .queue_ns = tick_ns() - slot->queued_ns,
        .state = &slot->state,
        .expected = SLOT_TAKEN,
        .given_up = &live->given_up,
        .facts = &answer->facts,
    };
}

// Into slot->reply.
static void answer(struct serve *serve, const struct live *live, struct slot *slot)
{
    struct slot_answer *reply = &slot->reply;
    struct serve_call call;
    call_of(slot, live, reply, &call);
    reply->code = slot->route->serve(serve, &call, &reply->body);
    int policy = atomic_load_explicit(&live->on_deadline, memory_order_relaxed);
    if (reply->code != STATUS_DEADLINE || policy != LIVE_BY_BID || slot->route->id != ROUTE_RANK ||
        slot_state(slot) != SLOT_TAKEN)
        return;
    buf_clear(&reply->body);
    reply->code = serve_by_bid(serve, &call, &reply->body);
}

void worker_answer(struct serve *serve, const struct live *live, struct admit *admit,
                   struct slot *slot)
{
    uint64_t begun_ns = tick_ns(), begun_cpu_ns = tick_cpu_ns();
    admit_take(admit, slot);
    answer(serve, live, slot);
    const struct admit_spent spent = {
        .wall_ns = slot->reply.code == STATUS_OK ? tick_ns() - begun_ns : 0,
        .cpu_ns = tick_cpu_ns() - begun_cpu_ns,
    };
    admit_leave(admit, slot, &spent);
}

static void give_up(struct worker *worker, struct slot *slot)
{
    static const struct admit_spent nothing = {.wall_ns = 0};
    server_metrics_shed(worker->serve.shard, SERVER_METRICS_CLIENT_GONE);
    slot_fail(&slot->reply, NULL, STATUS_UNAVAILABLE);
    admit_take(worker->parts->admit, slot);
    admit_leave(worker->parts->admit, slot, &nothing);
}

static void work(struct worker *worker, struct slot *slot)
{
    const struct worker_parts *parts = worker->parts;
    // Expired meanwhile, its socket may be somebody else's by now.
    if (client_gone(slot) && slot_state(slot) == SLOT_TAKEN)
        give_up(worker, slot);
    else
        worker_answer(&worker->serve, parts->live, parts->admit, slot);
}

void worker_count(struct metric_shard *shard, const struct serve_facts *facts)
{
    if (facts->late)
        server_metrics_shed(shard, facts->shed);
    if (facts->degraded)
        metric_add(shard, SERVER_METRICS_DEGRADED, 0, 1);
}

// The slot's reply is made, unless the deadline thread was faster: then it has woken the
// connection. True: it was not.
static bool finish(struct slot *slot)
{
    slot_timer_remove(slot);
    bool mine = slot_move(slot, SLOT_TAKEN, SLOT_DONE);
    if (mine)
        slot->wake(slot);
    slot_release(slot);
    return mine;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    const struct worker_parts *parts = worker->parts;
    void *item;
    priority_steady();
    while (queue_take(parts->queue, &item)) {
        struct slot *slot = item;
        if (slot_move(slot, SLOT_QUEUED, SLOT_TAKEN))
            work(worker, slot);
        struct serve_facts facts = slot->reply.facts;
        if (finish(slot))
            worker_count(worker->serve.shard, &facts);
    }
    return NULL;
}

static enum status start_all(struct worker_crew *crew, unsigned count, struct diag *reterr)
{
    for (; crew->ready < count; crew->ready++) {
        struct worker *worker = &crew->workers[crew->ready];
        worker->parts = &crew->parts;
        if (serve_init(&worker->serve, &crew->parts.limits, crew->parts.registry, crew->ready,
                       metric_shard(crew->parts.metrics->set, crew->ready)) != STATUS_OK)
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
        if (slot_move(slot, SLOT_QUEUED, SLOT_TAKEN)) {
            admit_undo(crew->parts.admit, slot);
            slot_fail(&slot->reply, NULL, STATUS_UNAVAILABLE);
        }
        (void)finish(slot);
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
