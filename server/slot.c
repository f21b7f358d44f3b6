#include "server/slot.h"

#include "base/num.h"
#include "proto/json_read.h"
#include "proto/rank.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct slot_pool {
    pthread_mutex_t lock;
    struct slot *free;
    size_t count, out;
    size_t keep_bytes, kept_bytes; // of buffers of free slots
    struct slot slots[];
};

struct slot_pool *slot_pool_new(size_t count, const struct slot_limits *limits)
{
    size_t bytes;
    if (!num_mul(count, sizeof(struct slot), &bytes) ||
        !num_add(bytes, sizeof(struct slot_pool), &bytes))
        return NULL;
    struct slot_pool *pool = calloc(1, bytes);
    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pool->count = count;
    pool->keep_bytes = limits->keep_bytes;
    for (size_t i = count; i-- > 0;) {
        struct slot *slot = &pool->slots[i];
        buf_init(&slot->body, limits->max_body_bytes + JSON_READ_PADDING);
        buf_init(&slot->reply.body, limits->max_reply_bytes);
        buf_init(&slot->fallback.body, limits->max_reply_bytes);
        buf_init(&slot->ahead.body, limits->max_reply_bytes);
        slot->pool = pool;
        slot->next_free = pool->free;
        pool->free = slot;
    }
    return pool;
}

static void drop_buffers(struct slot *slot)
{
    buf_fini(&slot->body);
    buf_fini(&slot->reply.body);
    buf_fini(&slot->fallback.body);
    buf_fini(&slot->ahead.body);
}

void slot_pool_free(struct slot_pool *pool)
{
    if (pool == NULL)
        return;
    assert(pool->out == 0);
    for (size_t i = 0; i < pool->count; i++)
        drop_buffers(&pool->slots[i]);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static size_t held_bytes(const struct slot *slot)
{
    return slot->body.capacity + slot->reply.body.capacity + slot->fallback.body.capacity +
           slot->ahead.body.capacity;
}

static void empty_answer(struct slot_answer *answer)
{
    buf_clear(&answer->body);
    answer->code = STATUS_OK;
    answer->prepared = false;
    answer->facts = (struct serve_facts){.version = 0};
}

// Everything but the buffers' memory as after calloc.
static void empty(struct slot *slot)
{
    struct slot old = *slot;
    *slot = (struct slot){.body = old.body,
                          .reply = old.reply,
                          .fallback = old.fallback,
                          .ahead = old.ahead,
                          .pool = old.pool};
    buf_clear(&slot->body);
    empty_answer(&slot->reply);
    empty_answer(&slot->fallback);
    empty_answer(&slot->ahead);
    slot->socket_fd = -1;
    atomic_store_explicit(&slot->owners, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->state, SLOT_READING, memory_order_relaxed);
}

struct slot *slot_take(struct slot_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = pool->free;
    if (slot != NULL) {
        pool->free = slot->next_free;
        pool->kept_bytes -= held_bytes(slot);
        pool->out++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (slot != NULL)
        empty(slot);
    return slot;
}

void slot_share(struct slot *slot)
{
    atomic_fetch_add_explicit(&slot->owners, 1, memory_order_relaxed);
}

void slot_release(struct slot *slot)
{
    // acq_rel: what any owner did to the slot happens before its next use.
    if (atomic_fetch_sub_explicit(&slot->owners, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned kind = 0; kind < SLOT_PLACES; kind++)
        assert(slot->watches[kind].heap_at == 0);
    if (slot->reserved > 0)
        atomic_fetch_sub_explicit(slot->budget, slot->reserved, memory_order_relaxed);
    struct slot_pool *pool = slot->pool;
    pthread_mutex_lock(&pool->lock);
    if (held_bytes(slot) > pool->keep_bytes - pool->kept_bytes) {
        pthread_mutex_unlock(&pool->lock);
        drop_buffers(slot);
        pthread_mutex_lock(&pool->lock);
    }
    pool->kept_bytes += held_bytes(slot);
    slot->next_free = pool->free;
    pool->free = slot;
    assert(pool->out > 0);
    pool->out--;
    pthread_mutex_unlock(&pool->lock);
}

enum status slot_seal(struct slot *slot)
{
    slot->body_size = slot->body.size;
    if (buf_reserve(&slot->body, JSON_READ_PADDING) != STATUS_OK)
        return STATUS_NO_MEMORY;
    static const char zeros[JSON_READ_PADDING];
    buf_append(&slot->body, zeros, sizeof(zeros));
    return buf_status(&slot->body) == STATUS_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

bool slot_move(struct slot *slot, enum slot_state from, enum slot_state to)
{
    int expected = (int)from;
    return atomic_compare_exchange_strong_explicit(&slot->state, &expected, (int)to,
                                                   memory_order_acq_rel, memory_order_acquire);
}

enum slot_state slot_state(const struct slot *slot)
{
    return (enum slot_state)atomic_load_explicit(&slot->state, memory_order_acquire);
}

struct slot_answer *slot_answer(struct slot *slot)
{
    return slot_state(slot) == SLOT_EXPIRED ? &slot->fallback : &slot->reply;
}

void slot_fail(struct slot_answer *answer, const struct diag *diag, enum status code)
{
    buf_clear(&answer->body);
    answer->code = code;
    answer->prepared = diag == NULL;
    if (diag != NULL)
        rank_encode_error(diag, code, &answer->body);
}
