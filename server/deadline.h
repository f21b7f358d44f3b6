// A thread that comes to a slot at a given time, whatever the workers do with it.
//
// Times stand in a heap. When one has come, the thread becomes an owner of the slot (slot.h), calls
// `due` and lets go. A slot may stand in several heaps, one of each kind.
#pragma once

#include "base/status.h"
#include "server/slot.h"

#include <stddef.h>
#include <stdint.h>

struct deadline; // owns the thread

// On the thread, which has no lock meanwhile. The slot is owned until it returns, and may be in any
// state: done, too.
typedef void deadline_due_fn(void *context, struct slot *slot);

struct deadline_parts {
    size_t slots; // watched at a time, at most
    enum slot_place kind;
    void (*priority)(void); // of the thread (priority.h)
    deadline_due_fn *due;
    void *context;
};

// STATUS_NO_MEMORY, STATUS_IO (no thread).
MUST_USE enum status deadline_start(const struct deadline_parts *parts,
                                    struct deadline **ret_deadline, struct diag *reterr);
// Ends the thread: from then on nothing is due. Slots may still be added and removed until
// deadline_free. NULL is nothing.
void deadline_stop(struct deadline *deadline);
void deadline_free(struct deadline *deadline); // stopped, and none is watched; NULL is nothing

// Before the slot is put into the queue; `at_ns` as tick_ns.
void deadline_add(struct deadline *deadline, struct slot *slot, uint64_t at_ns);
// From every heap: by whoever ended the slot, DONE or EXPIRED, before letting go of it. `due` may
// be running.
void deadline_remove(struct slot *slot);
