#include "server/deadline.h"

#include "base/num.h"
#include "base/tick.h"
#include "server/priority.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct deadline {
    pthread_mutex_t lock;
    pthread_cond_t earlier; // than the thread would look by itself, or it is the end
    pthread_t thread;
    deadline_expire_fn *expire;
    void *context;
    bool ended;
    uint64_t looks_ns; // when the thread looks by itself
    size_t count, capacity;
    struct slot *heap[]; // the earliest first
};

static void place(struct deadline *deadline, size_t at, struct slot *slot)
{
    deadline->heap[at] = slot;
    slot->heap_at = at + 1;
}

static void sift_up(struct deadline *deadline, size_t at, struct slot *slot)
{
    for (; at > 0; at = (at - 1) / 2) {
        struct slot *parent = deadline->heap[(at - 1) / 2];
        if (parent->deadline_ns <= slot->deadline_ns)
            break;
        place(deadline, at, parent);
    }
    place(deadline, at, slot);
}

static void sift_down(struct deadline *deadline, size_t at, struct slot *slot)
{
    for (size_t child; (child = 2 * at + 1) < deadline->count; at = child) {
        if (child + 1 < deadline->count &&
            deadline->heap[child + 1]->deadline_ns < deadline->heap[child]->deadline_ns)
            child++;
        if (deadline->heap[child]->deadline_ns >= slot->deadline_ns)
            break;
        place(deadline, at, deadline->heap[child]);
    }
    place(deadline, at, slot);
}

static void take_out(struct deadline *deadline, struct slot *slot)
{
    size_t at = slot->heap_at - 1;
    slot->heap_at = 0;
    struct slot *last = deadline->heap[--deadline->count];
    if (last == slot)
        return;
    if (at > 0 && last->deadline_ns < deadline->heap[(at - 1) / 2]->deadline_ns)
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
    uint64_t until_ns = deadline->looks_ns = deadline->heap[0]->deadline_ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                             .tv_nsec = (long)(until_ns % 1000000000)};
    pthread_cond_timedwait(&deadline->earlier, &deadline->lock, &until);
}

// False: it was done in time.
static bool expires(struct slot *slot, bool *ret_taken)
{
    *ret_taken = false;
    if (slot_move(slot, SLOT_QUEUED, SLOT_EXPIRED))
        return true;
    *ret_taken = true;
    return slot_move(slot, SLOT_TAKEN, SLOT_EXPIRED);
}

static void *run(void *argument)
{
    struct deadline *deadline = argument;
    priority_prompt();
    pthread_mutex_lock(&deadline->lock);
    while (!deadline->ended) {
        if (deadline->count == 0 || deadline->heap[0]->deadline_ns > tick_ns()) {
            wait_for_first(deadline);
            continue;
        }
        struct slot *slot = deadline->heap[0];
        take_out(deadline, slot);
        // Under the lock, because a worker may let go of the slot after deadline_remove. Once it is
        // EXPIRED its connection sleeps until it is woken here.
        bool taken;
        if (!expires(slot, &taken))
            continue;
        pthread_mutex_unlock(&deadline->lock);
        deadline->expire(deadline->context, slot, taken);
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

enum status deadline_start(size_t capacity, deadline_expire_fn *expire, void *context,
                           struct deadline **ret_deadline, struct diag *reterr)
{
    size_t bytes;
    if (!num_mul(capacity, sizeof(struct slot *), &bytes) ||
        !num_add(bytes, sizeof(struct deadline), &bytes))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for deadlines");
    struct deadline *deadline = calloc(1, bytes);
    if (deadline == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for deadlines");
    pthread_mutex_init(&deadline->lock, NULL);
    deadline->capacity = capacity;
    deadline->expire = expire;
    deadline->context = context;
    if (!init_waiting(deadline)) {
        free(deadline);
        return diag_set(reterr, STATUS_IO, "the thread of deadlines cannot be started");
    }
    if (pthread_create(&deadline->thread, NULL, run, deadline) != 0) {
        pthread_cond_destroy(&deadline->earlier);
        free(deadline);
        return diag_set(reterr, STATUS_IO, "the thread of deadlines cannot be started");
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

void deadline_add(struct deadline *deadline, struct slot *slot)
{
    if (slot->deadline_ns == 0)
        return;
    pthread_mutex_lock(&deadline->lock);
    assert(deadline->count < deadline->capacity && slot->heap_at == 0);
    sift_up(deadline, deadline->count++, slot);
    if (slot->deadline_ns < deadline->looks_ns)
        pthread_cond_signal(&deadline->earlier);
    pthread_mutex_unlock(&deadline->lock);
}

void deadline_remove(struct deadline *deadline, struct slot *slot)
{
    if (slot->deadline_ns == 0)
        return;
    pthread_mutex_lock(&deadline->lock);
    if (slot->heap_at != 0)
        take_out(deadline, slot);
    pthread_mutex_unlock(&deadline->lock);
}
