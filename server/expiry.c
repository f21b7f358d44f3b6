#include "server/expiry.h"

#include "base/tick.h"
#include "server/priority.h"
#include "server/slot_timer.h"

#include <stdlib.h>

enum {
    EXPIRY_LATE_NS = 1000000, // after the deadline, by which an answer by bid has to be there
    EXPIRY_BYTE_NS = 4,       // to read a byte, at most: features are passed over
    EXPIRY_PACKED_NS = 8,     // and to unpack it before
    // What is read in about one slice of a prompt thread (priority.h); what takes longer may have
    // to wait for the next tick of the scheduler in the middle.
    EXPIRY_SHORT_BYTES = 64 << 10,
    EXPIRY_TICK_NS = 4000000,
    EXPIRY_GZIP_TAIL = 8, // CRC, and in the last four bytes the size of what was packed: RFC 1952
};

struct expiry {
    struct expiry_parts parts;
    struct slot_timer *threads[EXPIRY_THREADS];
    struct expiry_thread {
        struct expiry *expiry;
        struct serve serve;
    } memory[EXPIRY_THREADS];
};

// As a packed body says itself: one that lies is not read.
static uint64_t plain_bytes(const struct slot *slot)
{
    if (!slot->gzip || slot->body_size < EXPIRY_GZIP_TAIL)
        return slot->body_size;
    const unsigned char *size = (const unsigned char *)slot->body.data + slot->body_size - 4;
    return (uint64_t)size[0] | (uint64_t)size[1] << 8 | (uint64_t)size[2] << 16 |
           (uint64_t)size[3] << 24;
}

static uint64_t reading_ns(const struct slot *slot)
{
    return plain_bytes(slot) * (slot->gzip ? EXPIRY_PACKED_NS : EXPIRY_BYTE_NS);
}

// Then the thread that ends requests never reads it.
static bool takes_long(const struct slot *slot)
{
    return slot->gzip || slot->body_size > EXPIRY_SHORT_BYTES;
}

uint64_t expiry_ahead_ns(const struct slot *slot, uint64_t now_ns)
{
    uint64_t lead_ns = reading_ns(slot) + EXPIRY_TICK_NS;
    if (!takes_long(slot) || now_ns + reading_ns(slot) >= slot->deadline_ns)
        return 0;
    return now_ns + lead_ns < slot->deadline_ns ? slot->deadline_ns - lead_ns : now_ns;
}

static bool goes_by_bid(const struct expiry *expiry, const struct slot *slot)
{
    return atomic_load_explicit(&expiry->parts.live->on_deadline, memory_order_relaxed) ==
               LIVE_BY_BID &&
           slot->route->id == ROUTE_RANK;
}

// An answer that comes late helps nobody: no time is spent on one.
static bool is_in_time(const struct slot *slot)
{
    return tick_ns() + reading_ns(slot) < slot->deadline_ns + EXPIRY_LATE_NS;
}

static void answer_by_bid(struct serve *serve, const struct slot *slot, struct slot_answer *answer)
{
    const struct serve_call call = {
        .body = slot->body.data,
        .size = slot->body_size,
        .gzip = slot->gzip,
        .most_plain_bytes = plain_bytes(slot) + 1, // 0 is no limit
        .arrival_ns = slot->arrival_ns,
        .facts = &answer->facts,
    };
    answer->prepared = false;
    answer->code = serve_by_bid(serve, &call, &answer->body);
}

static bool is_open(const struct slot *slot)
{
    enum slot_state state = slot_state(slot);
    return state == SLOT_QUEUED || state == SLOT_TAKEN;
}

static void make_ahead(void *context, struct slot *slot)
{
    struct expiry_thread *thread = context;
    if (!is_open(slot) || tick_ns() + reading_ns(slot) >= slot->deadline_ns)
        return;
    answer_by_bid(&thread->serve, slot, &slot->ahead);
    atomic_store_explicit(&slot->made_ahead, true, memory_order_release);
}

static void take_ahead(struct slot *slot)
{
    struct slot_answer ahead = slot->ahead;
    slot->ahead = slot->fallback;
    slot->fallback = ahead;
}

// Into slot->fallback, which says 504.
static void fall_back(struct expiry_thread *thread, struct slot *slot)
{
    if (!goes_by_bid(thread->expiry, slot))
        return;
    if (atomic_load_explicit(&slot->made_ahead, memory_order_acquire))
        take_ahead(slot);
    else if (!takes_long(slot) && is_in_time(slot))
        answer_by_bid(&thread->serve, slot, &slot->fallback);
    if (slot->fallback.code == STATUS_OK)
        metric_add(thread->serve.shard, SERVER_METRICS_DEGRADED, 0, 1);
}

static void end(void *context, struct slot *slot)
{
    struct expiry_thread *thread = context;
    bool queued = slot_move(slot, SLOT_QUEUED, SLOT_EXPIRED);
    if (!queued && !slot_move(slot, SLOT_TAKEN, SLOT_EXPIRED))
        return;              // it was done in time
    slot_timer_remove(slot); // nobody else will, and it may still wait to be read
    // Its connection sleeps until it is woken here.
    server_metrics_shed(thread->serve.shard,
                        queued ? SERVER_METRICS_DEADLINE_QUEUE : SERVER_METRICS_DEADLINE_COMPUTE);
    if (queued)
        admit_undo(thread->expiry->parts.admit, slot); // it waits no more
    slot_fail(&slot->fallback, NULL, STATUS_DEADLINE);
    fall_back(thread, slot);
    slot->wake(slot);
}

static enum status start_thread(struct expiry *expiry, enum slot_place kind, struct diag *reterr)
{
    const struct expiry_parts *parts = &expiry->parts;
    struct expiry_thread *memory = &expiry->memory[kind];
    unsigned thread = parts->thread + kind;
    memory->expiry = expiry;
    if (serve_init(&memory->serve, &parts->limits, parts->registry, thread,
                   metric_shard(parts->metrics->set, thread)) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for answers by bid");
    const struct slot_timer_parts timer = {
        .slots = parts->slots,
        .kind = kind,
        .priority = kind == SLOT_PLACE_END ? priority_prompt : priority_soon,
        .due = kind == SLOT_PLACE_END ? end : make_ahead,
        .context = memory,
    };
    return slot_timer_start(&timer, &expiry->threads[kind], reterr);
}

enum status expiry_start(const struct expiry_parts *parts, struct expiry **ret_expiry,
                         struct diag *reterr)
{
    struct expiry *expiry = calloc(1, sizeof(*expiry));
    if (expiry == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for deadlines");
    expiry->parts = *parts;
    enum status code = STATUS_OK;
    for (unsigned i = 0; code == STATUS_OK && i < EXPIRY_THREADS; i++)
        code = start_thread(expiry, (enum slot_place)i, reterr);
    if (code != STATUS_OK) {
        expiry_stop(expiry);
        expiry_free(expiry);
        return code;
    }
    *ret_expiry = expiry;
    return STATUS_OK;
}

void expiry_stop(struct expiry *expiry)
{
    for (unsigned i = 0; expiry != NULL && i < EXPIRY_THREADS; i++)
        slot_timer_stop(expiry->threads[i]);
}

void expiry_free(struct expiry *expiry)
{
    if (expiry == NULL)
        return;
    for (unsigned i = 0; i < EXPIRY_THREADS; i++) {
        slot_timer_free(expiry->threads[i]);
        serve_fini(&expiry->memory[i].serve);
    }
    free(expiry);
}

void expiry_watch(struct expiry *expiry, struct slot *slot)
{
    if (slot->deadline_ns == 0)
        return;
    uint64_t ahead_ns = goes_by_bid(expiry, slot) ? expiry_ahead_ns(slot, tick_ns()) : 0;
    if (ahead_ns != 0)
        slot_timer_add(expiry->threads[SLOT_PLACE_AHEAD], slot, ahead_ns);
    slot_timer_add(expiry->threads[SLOT_PLACE_END], slot, slot->deadline_ns);
}
