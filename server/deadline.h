// The thread that answers requests whose deadline has passed, whatever the workers do.
//
// Deadlines stand in a heap. At one the thread moves the slot from QUEUED or TAKEN to EXPIRED and,
// if that was not too late, has `expire` answer it. A worker that has the slot sees the state and
// gives up.
#pragma once

#include "base/status.h"
#include "server/slot.h"

#include <stddef.h>

struct deadline; // owns the thread

// The slot is EXPIRED: fills slot->fallback and wakes the connection. `taken`: a worker had it, and
// will notice. On the deadline thread, which has no lock meanwhile.
typedef void deadline_expire_fn(void *context, struct slot *slot, bool taken);

// For at most `capacity` slots. STATUS_NO_MEMORY, STATUS_IO (no thread).
MUST_USE enum status deadline_start(size_t capacity, deadline_expire_fn *expire, void *context,
                                    struct deadline **ret_deadline, struct diag *reterr);
// Ends the thread: from then on nothing expires. Slots may still be added and removed until
// deadline_free. NULL is nothing.
void deadline_stop(struct deadline *deadline);
void deadline_free(struct deadline *deadline); // stopped, and none is watched; NULL is nothing

// Any thread. Before the slot is put into the queue; one without a deadline is not watched.
void deadline_add(struct deadline *deadline, struct slot *slot);
// By whoever ended the slot, before letting go of it: the thread has no use for it afterwards.
void deadline_remove(struct deadline *deadline, struct slot *slot);
