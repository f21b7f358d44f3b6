#include "server/slot.h"

#include "proto/json_read.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct slot_pool {
    pthread_mutex_t lock;
    struct slot *free;
    size_t count, out;
    struct slot slots[];
};

struct slot_pool *slot_pool_new(size_t count, size_t max_body_bytes, size_t max_reply_bytes)
{
    struct slot_pool *pool = calloc(1, sizeof(*pool) + count * sizeof(struct slot));
    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pool->count = count;
    for (size_t i = count; i-- > 0;) {
        struct slot *slot = &pool->slots[i];
        buf_init(&slot->body, max_body_bytes + JSON_READ_PADDING);
        buf_init(&slot->reply, max_reply_bytes);
        slot->next_free = pool->free;
        pool->free = slot;
    }
    return pool;
}

void slot_pool_free(struct slot_pool *pool)
{
    if (pool == NULL)
        return;
    assert(pool->out == 0);
    for (size_t i = 0; i < pool->count; i++) {
        buf_fini(&pool->slots[i].body);
        buf_fini(&pool->slots[i].reply);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct slot *slot_take(struct slot_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = pool->free;
    if (slot != NULL) {
        pool->free = slot->next_free;
        pool->out++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (slot == NULL)
        return NULL;
    atomic_store_explicit(&slot->owners, 1, memory_order_relaxed);
    atomic_store_explicit(&slot->state, SLOT_READING, memory_order_relaxed);
    buf_clear(&slot->body);
    buf_clear(&slot->reply);
    slot->route = NULL;
    slot->body_size = slot->discarded = 0;
    slot->outcome = STATUS_OK;
    slot->arrival_ns = slot->queued_ns = slot->deadline_ns = 0;
    slot->connection = NULL;
    slot->socket_fd = -1;
    return slot;
}

void slot_share(struct slot *slot)
{
    atomic_fetch_add_explicit(&slot->owners, 1, memory_order_relaxed);
}

void slot_release(struct slot_pool *pool, struct slot *slot)
{
    // acq_rel: what either owner did to the slot happens before its next use.
    if (atomic_fetch_sub_explicit(&slot->owners, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&pool->lock);
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
