#include "server/slot_timer.h"

#include "base/num.h"
#include "base/tick.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct slot_timer {
    pthread_mutex_t lock;
    pthread_cond_t earlier; // than the thread would look by itself, or it is the end
    pthread_t thread;
    struct slot_timer_parts parts;
    bool ended;
    uint64_t looks_ns; // when the thread looks by itself
    size_t count;
    struct slot *heap[]; // the earliest first
};

static struct slot_watch *watch_of(const struct slot_timer *timer, struct slot *slot)
{
    return &slot->watches[timer->parts.kind];
}

static uint64_t at_ns(const struct slot_timer *timer, const struct slot *slot)
{
    return slot->watches[timer->parts.kind].at_ns;
}

static void place(struct slot_timer *timer, size_t at, struct slot *slot)
{
    timer->heap[at] = slot;
    watch_of(timer, slot)->heap_at = at + 1;
}

static void sift_up(struct slot_timer *timer, size_t at, struct slot *slot)
{
    for (; at > 0; at = (at - 1) / 2) {
        struct slot *parent = timer->heap[(at - 1) / 2];
        if (at_ns(timer, parent) <= at_ns(timer, slot))
            break;
        place(timer, at, parent);
    }
    place(timer, at, slot);
}

static void sift_down(struct slot_timer *timer, size_t at, struct slot *slot)
{
    for (size_t child; (child = 2 * at + 1) < timer->count; at = child) {
        if (child + 1 < timer->count &&
            at_ns(timer, timer->heap[child + 1]) < at_ns(timer, timer->heap[child]))
            child++;
        if (at_ns(timer, timer->heap[child]) >= at_ns(timer, slot))
            break;
        place(timer, at, timer->heap[child]);
    }
    place(timer, at, slot);
}

static void take_out(struct slot_timer *timer, struct slot *slot)
{
    size_t at = watch_of(timer, slot)->heap_at - 1;
    watch_of(timer, slot)->heap_at = 0;
    struct slot *last = timer->heap[--timer->count];
    if (last == slot)
        return;
    if (at > 0 && at_ns(timer, last) < at_ns(timer, timer->heap[(at - 1) / 2]))
        sift_up(timer, at, last);
    else
        sift_down(timer, at, last);
}

static void wait_for_first(struct slot_timer *timer)
{
    if (timer->count == 0) {
        timer->looks_ns = UINT64_MAX;
        pthread_cond_wait(&timer->earlier, &timer->lock);
        return;
    }
    uint64_t until_ns = timer->looks_ns = at_ns(timer, timer->heap[0]);
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    pthread_cond_timedwait(&timer->earlier, &timer->lock, &until);
}

static void *run(void *argument)
{
    struct slot_timer *timer = argument;
    timer->parts.priority();
    pthread_mutex_lock(&timer->lock);
    while (!timer->ended) {
        if (timer->count == 0 || at_ns(timer, timer->heap[0]) > tick_ns()) {
            wait_for_first(timer);
            continue;
        }
        struct slot *slot = timer->heap[0];
        take_out(timer, slot);
        slot_share(slot); // before a worker may let go of it, which it does after slot_timer_remove
        pthread_mutex_unlock(&timer->lock);
        timer->parts.due(timer->parts.context, slot);
        slot_release(slot);
        pthread_mutex_lock(&timer->lock);
    }
    pthread_mutex_unlock(&timer->lock);
    return NULL;
}

static bool init_waiting(struct slot_timer *timer)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&timer->earlier, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

enum status slot_timer_start(const struct slot_timer_parts *parts, struct slot_timer **ret_timer,
                             struct diag *reterr)
{
    size_t bytes;
    if (!num_mul(parts->slots, sizeof(struct slot *), &bytes) ||
        !num_add(bytes, sizeof(struct slot_timer), &bytes))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a timer of slots");
    struct slot_timer *timer = calloc(1, bytes);
    if (timer == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a timer of slots");
    pthread_mutex_init(&timer->lock, NULL);
    timer->parts = *parts;
    if (!init_waiting(timer)) {
        free(timer);
        return diag_set(reterr, STATUS_IO, "the thread of a timer of slots cannot be started");
    }
    if (pthread_create(&timer->thread, NULL, run, timer) != 0) {
        pthread_cond_destroy(&timer->earlier);
        free(timer);
        return diag_set(reterr, STATUS_IO, "the thread of a timer of slots cannot be started");
    }
    *ret_timer = timer;
    return STATUS_OK;
}

void slot_timer_stop(struct slot_timer *timer)
{
    if (timer == NULL)
        return;
    pthread_mutex_lock(&timer->lock);
    timer->ended = true;
    pthread_cond_signal(&timer->earlier);
    pthread_mutex_unlock(&timer->lock);
    pthread_join(timer->thread, NULL);
}

void slot_timer_free(struct slot_timer *timer)
{
    if (timer == NULL)
        return;
    assert(timer->ended && timer->count == 0);
    pthread_cond_destroy(&timer->earlier);
    pthread_mutex_destroy(&timer->lock);
    free(timer);
}

void slot_timer_add(struct slot_timer *timer, struct slot *slot, uint64_t at_ns)
{
    struct slot_watch *watch = watch_of(timer, slot);
    pthread_mutex_lock(&timer->lock);
    assert(timer->count < timer->parts.slots && watch->by == NULL);
    *watch = (struct slot_watch){.by = timer, .at_ns = at_ns};
    sift_up(timer, timer->count++, slot);
    if (at_ns < timer->looks_ns)
        pthread_cond_signal(&timer->earlier);
    pthread_mutex_unlock(&timer->lock);
}

void slot_timer_remove(struct slot *slot)
{
    for (unsigned kind = 0; kind < SLOT_PLACES; kind++) {
        struct slot_timer *timer = slot->watches[kind].by;
        if (timer == NULL)
            continue;
        pthread_mutex_lock(&timer->lock);
        if (slot->watches[kind].heap_at != 0)
            take_out(timer, slot);
        pthread_mutex_unlock(&timer->lock);
    }
}
