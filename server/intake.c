#include "server/intake.h"

#include "base/tick.h"
#include "server/peer.h"
#include "server/server_metrics.h"
#include "server/slot_timer.h"
#include "server/worker.h"

#include <assert.h>
#include <string.h>

enum {
    // A body over the limit is read and forgotten up to this many times the limit, so that its
    // client
    // can be told; what goes on beyond is cut off.
    INTAKE_DISCARD_FACTOR = 4,
    INTAKE_SHORT_NS = 1000000, // health has to be answered meanwhile
    INTAKE_SWEEP_NS = 1000000, // the queue is looked through no more often
};

static void end_with(struct slot *slot, const struct diag *diag, enum status code)
{
    slot_fail(&slot->reply, diag, code);
    atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_release);
}

static bool may_ask(const struct intake *intake, const struct intake_head *arrived,
                    enum status *ret_code)
{
    switch (intake->door) {
    case INTAKE_PEER:
        *ret_code = STATUS_FORBIDDEN;
        return peer_allowed(arrived->socket_fd);
    case INTAKE_TOKEN:
        *ret_code = STATUS_UNAUTHORIZED;
        return arrived->head->bearer.data != NULL &&
               secret_matches(intake->token, arrived->head->bearer);
    case INTAKE_NOBODY:
        break;
    }
    *ret_code = STATUS_FORBIDDEN;
    return false;
}

// Which row answers, or why none does. `*ret_route` is set for a known path.
static enum status look_up(const struct intake *intake, const struct intake_head *arrived,
                           const struct route **ret_route, struct span *ret_model,
                           struct diag *reterr)
{
    enum status found =
        route_find(intake->planes, arrived->method, arrived->path, ret_route, ret_model);
    enum route_plane plane = found == STATUS_OK ? (*ret_route)->plane : ROUTE_OBSERVE;
    TRY(head_check(arrived->head, plane, intake->max_body_bytes, reterr));
    if (arrived->head->hosts == 0 && !arrived->is_1_0)
        return diag_at_path(reterr, STATUS_INVALID, "Host", "the header is missing");
    enum status refused;
    if (*ret_route != NULL && (*ret_route)->auth == ROUTE_GUARDED &&
        !may_ask(intake, arrived, &refused))
        return diag_set(reterr, refused, "%s", status_text(refused));
    if (found == STATUS_NOT_FOUND)
        return diag_set(reterr, found, "there is no such path");
    if (found == STATUS_BAD_METHOD)
        return diag_set(reterr, found, "the method is not allowed here, expected %s",
                        route_allow(*ret_route));
    if (!route_takes_body(*ret_route) && head_has_body(arrived->head))
        return diag_set(reterr, STATUS_INVALID, "this path takes no body");
    return STATUS_OK;
}

static bool framing_is_clear(const struct head *head)
{
    return head_check(head, ROUTE_OBSERVE, SIZE_MAX, NULL) == STATUS_OK;
}

// A body is not read when nobody can tell where it ends, when it is too long, and when its client
// waits for a word before sending it. Any other is: a client that is cut off while it sends may
// never see why.
static bool need_not_read(const struct head *head, enum status code)
{
    bool unwanted = code == STATUS_TOO_LARGE || head->expectations > 0;
    return !framing_is_clear(head) || (unwanted && head_has_body(head));
}

static void take_facts(struct intake *intake, struct slot *slot, const struct intake_head *arrived,
                       struct span model)
{
    static const struct span none = {NULL, 0};
    const struct head *head = arrived->head;
    slot->arrival_ns = tick_ns();
    slot->http = arrived->http;
    slot->connection = arrived->connection;
    slot->socket_fd = arrived->socket_fd;
    slot->wake = arrived->wake;
    slot->gzip = head->gzip;
    slot->wants_timing = head->wants_timing;
    slot->openmetrics = head->wants_openmetrics;
    if (model.data != NULL)
        memcpy(slot->model, model.data, model.size); // a valid name: shorter than the array
    if (head->timeout_us != 0)
        slot->deadline_ns = slot->arrival_ns + head->timeout_us * 1000;
    trace_start(&slot->trace, intake->ids, head->parents == 1 ? head->traceparent : none,
                head->tracestate, head->request_id);
}

// A fault is answered at once only if the body is not read, which ends the connection. Everything
// else waits for the end of the request: the library ends a connection that is answered before. A
// request that is too late already costs the reading of its body, no more, and not that where the
// client waits for leave to send it.
struct slot *intake_begin(struct intake *intake, const struct intake_head *arrived)
{
    atomic_fetch_add_explicit(&intake->observe->inflight, 1, memory_order_relaxed);
    struct slot *slot = slot_take(intake->slots);
    assert(slot != NULL); // there are as many as owners (daemon.c)
    struct span model = {NULL, 0};
    struct diag diag = {0};
    enum status code = look_up(intake, arrived, &slot->route, &model, &diag);
    take_facts(intake, slot, arrived, code == STATUS_OK ? model : (struct span){NULL, 0});
    if (code == STATUS_TOO_LARGE)
        server_metrics_shed(intake->shard, SERVER_METRICS_BODY_TOO_LARGE);
    if (code != STATUS_OK) {
        slot->closes = need_not_read(arrived->head, code);
        end_with(slot, &diag, code);
    } else if (slot->route->serve != NULL &&
               !admit_in_time(intake->admit, (size_t)arrived->head->length, slot->deadline_ns,
                              slot->arrival_ns)) {
        server_metrics_shed(intake->shard, SERVER_METRICS_DEADLINE_ADMISSION);
        slot->closes = need_not_read(arrived->head, STATUS_OVERLOADED);
        end_with(slot, NULL, STATUS_OVERLOADED);
    }
    return slot;
}

// Was answered by the deadline thread, and only takes a place.
static bool let_go_of_expired(void *item)
{
    struct slot *slot = item;
    bool expired = slot_state(slot) == SLOT_EXPIRED;
    if (expired)
        slot_release(slot);
    return expired;
}

// Gives back the places and bytes of those in the queue that have expired. False: there were none.
static bool sweep(struct intake *intake)
{
    if (tick_ns() - intake->swept_ns < INTAKE_SWEEP_NS)
        return false;
    bool swept = queue_sweep(intake->queue, let_go_of_expired) > 0;
    intake->swept_ns = tick_ns(); // after: a long queue takes its time
    return swept;
}

static enum status take_more(struct intake *intake, struct slot *slot, const char *data,
                             size_t size)
{
    if (size > intake->max_body_bytes - slot->body.size)
        return STATUS_TOO_LARGE;
    if (!admit_bytes(intake->admit, slot, size) &&
        !(sweep(intake) && admit_bytes(intake->admit, slot, size)))
        return STATUS_OVERLOADED;
    buf_append(&slot->body, data, size);
    return buf_status(&slot->body) == STATUS_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

// What was refused is read on and forgotten: the library takes an answer only when the body has
// ended. Of a length that was told, that is within the limit.
bool intake_body(struct intake *intake, struct slot *slot, const char *data, size_t size)
{
    if (slot_state(slot) == SLOT_READING) {
        enum status code = take_more(intake, slot, data, size);
        if (code == STATUS_OK)
            return true;
        struct diag diag;
        diag_set(&diag, code, "the body has more than %zu bytes", intake->max_body_bytes);
        end_with(slot, code == STATUS_TOO_LARGE ? &diag : NULL, code);
        slot->closes = code == STATUS_TOO_LARGE;
        if (code != STATUS_NO_MEMORY)
            server_metrics_shed(intake->shard, code == STATUS_TOO_LARGE
                                                   ? SERVER_METRICS_BODY_TOO_LARGE
                                                   : SERVER_METRICS_QUEUE_BYTES_FULL);
    }
    slot->discarded += size;
    return slot->discarded / INTAKE_DISCARD_FACTOR <= intake->max_body_bytes;
}

// The earliest of what head, body and configuration ask for.
static void set_deadline(const struct intake *intake, struct slot *slot)
{
    uint64_t timeout_us =
        serve_glance_timeout_us(intake->serve, slot->body.data, slot->body_size, slot->gzip);
    uint64_t timeout_ns = timeout_us > UINT64_MAX / 1000 ? 0 : timeout_us * 1000;
    if (timeout_ns == 0 && slot->deadline_ns == 0)
        timeout_ns = atomic_load_explicit(&intake->live->timeout_ns, memory_order_relaxed);
    if (timeout_ns == 0 || timeout_ns > UINT64_MAX - slot->arrival_ns)
        return;
    uint64_t until_ns = slot->arrival_ns + timeout_ns;
    if (slot->deadline_ns == 0 || until_ns < slot->deadline_ns)
        slot->deadline_ns = until_ns;
}

bool intake_end(struct intake *intake, struct slot *slot, const struct observe_call *call)
{
    if (slot_state(slot) != SLOT_READING)
        return false;
    if (slot->route->answer != NULL) {
        slot->reply.code = slot->route->answer(intake->observe, call, &slot->reply.body);
        atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_release);
        return false;
    }
    if (slot_seal(slot) != STATUS_OK) {
        end_with(slot, NULL, STATUS_NO_MEMORY);
        return false;
    }
    if (slot->route->serve != NULL)
        set_deadline(intake, slot);
    return true;
}

static bool may_rank(const struct intake *intake, const struct slot *slot, unsigned connections)
{
    // What a packed body holds is not known.
    return intake->ranks && slot->route->serve != NULL && !slot->gzip &&
           connections <= intake->few_connections &&
           admit_is_short(intake->admit, slot->body_size, INTAKE_SHORT_NS) &&
           queue_is_idle(intake->queue);
}

bool intake_rank(struct intake *intake, struct slot *slot, unsigned connections)
{
    if (!may_rank(intake, slot, connections) ||
        !admit_enter(intake->admit, slot, tick_ns())) // intake_queue says why
        return false;
    slot->queued_ns = tick_ns();
    atomic_store_explicit(&slot->state, SLOT_TAKEN, memory_order_relaxed);
    worker_answer(intake->serve, intake->live, intake->admit, slot);
    worker_count(intake->shard, &slot->reply.facts);
    atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_release);
    return true;
}

static bool put_into_queue(struct intake *intake, struct slot *slot)
{
    return queue_put(intake->queue, slot) || (sweep(intake) && queue_put(intake->queue, slot));
}

static enum status put(struct intake *intake, struct slot *slot, enum server_metrics_shed *ret_why)
{
    *ret_why = SERVER_METRICS_DEADLINE_ADMISSION;
    if (!admit_enter(intake->admit, slot, tick_ns()))
        return tick_ns() >= slot->deadline_ns ? STATUS_DEADLINE : STATUS_OVERLOADED;
    bool moved = slot_move(slot, SLOT_READING, SLOT_QUEUED);
    assert(moved);
    (void)moved;
    slot->queued_ns = tick_ns();
    slot_share(slot);
    expiry_watch(intake->expiry, slot);
    if (put_into_queue(intake, slot))
        return STATUS_OK;
    slot_timer_remove(slot);
    bool draining = atomic_load_explicit(&intake->observe->draining, memory_order_acquire);
    *ret_why = draining ? SERVER_METRICS_DRAINING : SERVER_METRICS_QUEUE_FULL;
    return draining ? STATUS_UNAVAILABLE : STATUS_OVERLOADED;
}

static bool queue_for_worker(struct intake *intake, struct slot *slot)
{
    enum server_metrics_shed why;
    enum status code = put(intake, slot, &why);
    if (code == STATUS_OK)
        return true;
    bool queued = slot_state(slot) != SLOT_READING;
    // The deadline thread may have been faster; then it has woken the connection.
    bool mine = !queued || slot_move(slot, SLOT_QUEUED, SLOT_DONE);
    if (mine && queued)
        admit_undo(intake->admit, slot);
    if (mine) {
        server_metrics_shed(intake->shard, why);
        end_with(slot, NULL, code);
    }
    if (queued)
        slot_release(slot);
    return !mine;
}

bool intake_queue(struct intake *intake, struct slot *slot)
{
    if (slot->route->serve != NULL)
        return queue_for_worker(intake, slot);
    slot_share(slot);
    if (!slot->route->admin(intake->admin, slot))
        return true;
    slot_release(slot);
    atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_release);
    return false;
}

void intake_release(struct intake *intake, struct slot *slot)
{
    slot_release(slot);
    atomic_fetch_sub_explicit(&intake->observe->inflight, 1, memory_order_release);
}
