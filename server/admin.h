// What changes the models that serve. Handlers run on the I/O thread of the admin plane; a load is
// answered when it is done, by the thread that loads.
#pragma once

#include "server/lifecycle.h"
#include "server/slot.h"

#include <stdatomic.h>
#include <stdbool.h>

struct admin {
    struct lifecycle *_Atomic lifecycle; // NULL until the models are loaded
};

// Bodies are JSON maps, or empty where nothing is needed. Of a route's {model}. Each as route.h
// says: true, the answer is in slot->reply; false, it will be and the slot gets woken.
bool admin_models(struct admin *admin, struct slot *slot); // every model, version and label
bool admin_load(struct admin *admin, struct slot *slot);   // {"version": 42}, or {}: the newest
bool admin_rollback(struct admin *admin,
                    struct slot *slot);                   // {"version": 41}, or {}: the one before
bool admin_label(struct admin *admin, struct slot *slot); // {"label": "canary", "version": 42}
