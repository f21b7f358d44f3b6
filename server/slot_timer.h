// A thread that comes to a slot at a given time, whatever the workers do with it.
//
// Times stand in a heap. When one has come, the thread becomes an owner of the slot (slot.h), calls
// `due` and lets go. A slot may stand in several heaps, one of each kind.
#pragma once

#include "base/status.h"
#include "server/slot.h"

#include <stddef.h>
#include <stdint.h>

struct slot_timer; // owns the thread

// On the thread, which has no lock meanwhile. The slot is owned until it returns, and may be in any
// state: done, too.
typedef void slot_timer_due_fn(void *context, struct slot *slot);

struct slot_timer_parts {
    size_t slots; // watched at a time, at most
    enum slot_place kind;
    void (*priority)(void); // of the thread (priority.h)
    slot_timer_due_fn *due;
    void *context;
};

// STATUS_NO_MEMORY, STATUS_IO (no thread).
MUST_USE enum status slot_timer_start(const struct slot_timer_parts *parts,
                                      struct slot_timer **ret_timer, struct diag *reterr);
// Ends the thread: from then on nothing is due. Slots may still be added and removed until
// slot_timer_free. NULL is nothing.
void slot_timer_stop(struct slot_timer *timer);
void slot_timer_free(struct slot_timer *timer); // stopped, and none is watched; NULL is nothing

// Before the slot is put into the queue; `at_ns` as tick_ns.
void slot_timer_add(struct slot_timer *timer, struct slot *slot, uint64_t at_ns);
// From every heap: by whoever ended the slot, DONE or EXPIRED, before letting go of it. `due` may
// be running.
void slot_timer_remove(struct slot *slot);
