#include "server/deadline.h"

#include "base/num.h"
#include "base/tick.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct deadline {
    pthread_mutex_t lock;
    pthread_cond_t earlier; // than the thread would look by itself, or it is the end
    pthread_t thread;
    struct deadline_parts parts;
    bool ended;
    uint64_t looks_ns; // when the thread looks by itself
    size_t count;
    struct slot *heap[]; // the earliest first
};

static struct slot_watch *watch_of(const struct deadline *deadline, struct slot *slot)
{
    return &slot->watches[deadline->parts.kind];
}

static uint64_t at_ns(const struct deadline *deadline, const struct slot *slot)
{
    return slot->watches[deadline->parts.kind].at_ns;
}

static void place(struct deadline *deadline, size_t at, struct slot *slot)
{
    deadline->heap[at] = slot;
    watch_of(deadline, slot)->heap_at = at + 1;
}

static void sift_up(struct deadline *deadline, size_t at, struct slot *slot)
{
    for (; at > 0; at = (at - 1) / 2) {
        struct slot *parent = deadline->heap[(at - 1) / 2];
        if (at_ns(deadline, parent) <= at_ns(deadline, slot))
            break;
        place(deadline, at, parent);
    }
    place(deadline, at, slot);
}

static void sift_down(struct deadline *deadline, size_t at, struct slot *slot)
{
    for (size_t child; (child = 2 * at + 1) < deadline->count; at = child) {
        if (child + 1 < deadline->count &&
            at_ns(deadline, deadline->heap[child + 1]) < at_ns(deadline, deadline->heap[child]))
            child++;
        if (at_ns(deadline, deadline->heap[child]) >= at_ns(deadline, slot))
            break;
        place(deadline, at, deadline->heap[child]);
    }
    place(deadline, at, slot);
}

static void take_out(struct deadline *deadline, struct slot *slot)
{
    size_t at = watch_of(deadline, slot)->heap_at - 1;
    watch_of(deadline, slot)->heap_at = 0;
    struct slot *last = deadline->heap[--deadline->count];
    if (last == slot)
        return;
    if (at > 0 && at_ns(deadline, last) < at_ns(deadline, deadline->heap[(at - 1) / 2]))
        sift_up(deadline, at, last);
    else
        sift_down(deadline, at, last);
}

static void wait_for_first(struct deadline *deadline)
{
    if (deadline->count == 0) {
        deadline->looks_ns = UINT64_MAX;
        pthread_cond_wait(&deadline->earlier, &deadline->lock);
        return;
    }
    uint64_t until_ns = deadline->looks_ns = at_ns(deadline, deadline->heap[0]);
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    pthread_cond_timedwait(&deadline->earlier, &deadline->lock, &until);
}

static void *run(void *argument)
{
    struct deadline *deadline = argument;
    deadline->parts.priority();
    pthread_mutex_lock(&deadline->lock);
    while (!deadline->ended) {
        if (deadline->count == 0 || at_ns(deadline, deadline->heap[0]) > tick_ns()) {
            wait_for_first(deadline);
            continue;
        }
        struct slot *slot = deadline->heap[0];
        take_out(deadline, slot);
        slot_share(slot); // before a worker may let go of it, which it does after deadline_remove
        pthread_mutex_unlock(&deadline->lock);
        deadline->parts.due(deadline->parts.context, slot);
        slot_release(slot);
        pthread_mutex_lock(&deadline->lock);
    }
    pthread_mutex_unlock(&deadline->lock);
    return NULL;
}

static bool init_waiting(struct deadline *deadline)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&deadline->earlier, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

enum status deadline_start(const struct deadline_parts *parts, struct deadline **ret_deadline,
                           struct diag *reterr)
{
    size_t bytes;
    if (!num_mul(parts->slots, sizeof(struct slot *), &bytes) ||
        !num_add(bytes, sizeof(struct deadline), &bytes))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for deadlines");
    struct deadline *deadline = calloc(1, bytes);
    if (deadline == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for deadlines");
    pthread_mutex_init(&deadline->lock, NULL);
    deadline->parts = *parts;
    if (!init_waiting(deadline)) {
        free(deadline);
        return diag_set(reterr, STATUS_IO, "a thread of deadlines cannot be started");
    }
    if (pthread_create(&deadline->thread, NULL, run, deadline) != 0) {
        pthread_cond_destroy(&deadline->earlier);
        free(deadline);
        return diag_set(reterr, STATUS_IO, "a thread of deadlines cannot be started");
    }
    *ret_deadline = deadline;
    return STATUS_OK;
}

void deadline_stop(struct deadline *deadline)
{
    if (deadline == NULL)
        return;
    pthread_mutex_lock(&deadline->lock);
    deadline->ended = true;
    pthread_cond_signal(&deadline->earlier);
    pthread_mutex_unlock(&deadline->lock);
    pthread_join(deadline->thread, NULL);
}

void deadline_free(struct deadline *deadline)
{
    if (deadline == NULL)
        return;
    assert(deadline->ended && deadline->count == 0);
    pthread_cond_destroy(&deadline->earlier);
    pthread_mutex_destroy(&deadline->lock);
    free(deadline);
}

void deadline_add(struct deadline *deadline, struct slot *slot, uint64_t at_ns)
{
    struct slot_watch *watch = watch_of(deadline, slot);
    pthread_mutex_lock(&deadline->lock);
    assert(deadline->count < deadline->parts.slots && watch->by == NULL);
    *watch = (struct slot_watch){.by = deadline, .at_ns = at_ns};
    sift_up(deadline, deadline->count++, slot);
    if (at_ns < deadline->looks_ns)
        pthread_cond_signal(&deadline->earlier);
    pthread_mutex_unlock(&deadline->lock);
}

void deadline_remove(struct slot *slot)
{
    for (unsigned kind = 0; kind < SLOT_PLACES; kind++) {
        struct deadline *deadline = slot->watches[kind].by;
        if (deadline == NULL)
            continue;
        pthread_mutex_lock(&deadline->lock);
        if (slot->watches[kind].heap_at != 0)
            take_out(deadline, slot);
        pthread_mutex_unlock(&deadline->lock);
    }
}
