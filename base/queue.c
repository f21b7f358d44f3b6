#include "base/queue.h"

#include "base/num.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    size_t capacity, first, count;
    bool closed;
    void *items[];
};

static void queue_lock(struct queue *queue)
{
    int failed = pthread_mutex_lock(&queue->mutex);
    assert(failed == 0);
    (void)failed;
}

static void queue_unlock(struct queue *queue)
{
    int failed = pthread_mutex_unlock(&queue->mutex);
    assert(failed == 0);
    (void)failed;
}

struct queue *queue_new(size_t capacity)
{
    assert(capacity > 0);
    size_t bytes;
    if (!num_mul(capacity, sizeof(void *), &bytes) || !num_add(bytes, sizeof(struct queue), &bytes))
        return NULL;
    struct queue *queue = calloc(1, bytes);
    if (queue == NULL)
        return NULL;
    queue->capacity = capacity;
    if (pthread_mutex_init(&queue->mutex, NULL) != 0) {
        free(queue);
        return NULL;
    }
    if (pthread_cond_init(&queue->filled, NULL) != 0) {
        pthread_mutex_destroy(&queue->mutex);
        free(queue);
        return NULL;
    }
    return queue;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

bool queue_put(struct queue *queue, void *item)
{
    queue_lock(queue);
    bool room = !queue->closed && queue->count < queue->capacity;
    if (room) {
        size_t to_end = queue->capacity - queue->first;
        size_t at = queue->count < to_end ? queue->first + queue->count : queue->count - to_end;
        queue->items[at] = item;
        queue->count++;
        pthread_cond_signal(&queue->filled);
    }
    queue_unlock(queue);
    return room;
}

bool queue_take(struct queue *queue, void **ret_item)
{
    queue_lock(queue);
    while (queue->count == 0 && !queue->closed)
        pthread_cond_wait(&queue->filled, &queue->mutex);
    bool taken = queue->count > 0;
    if (taken) {
        *ret_item = queue->items[queue->first];
        queue->first = queue->first + 1 == queue->capacity ? 0 : queue->first + 1;
        queue->count--;
    }
    queue_unlock(queue);
    return taken;
}

size_t queue_sweep(struct queue *queue, bool (*gone)(void *item))
{
    queue_lock(queue);
    size_t kept = 0, count = queue->count;
    for (size_t i = 0; i < count; i++) {
        void *item = queue->items[(queue->first + i) % queue->capacity];
        if (!gone(item))
            queue->items[(queue->first + kept++) % queue->capacity] = item;
    }
    queue->count = kept;
    queue_unlock(queue);
    return count - kept;
}

void queue_close(struct queue *queue)
{
    queue_lock(queue);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    queue_unlock(queue);
}

bool queue_is_idle(struct queue *queue)
{
    queue_lock(queue);
    bool idle = !queue->closed && queue->count == 0;
    queue_unlock(queue);
    return idle;
}

size_t queue_depth(struct queue *queue)
{
    queue_lock(queue);
    size_t depth = queue->count;
    queue_unlock(queue);
    return depth;
}
