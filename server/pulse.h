// Whether what serves still scores as its file says: the golden rows of every version that serves
// who names none, once more every few seconds, by the thread that waits for signals. Readiness asks
// for it, and the service manager is told (spec/field.md 2 row 8, spec/wire.md 8).
//
// Loading, reloading and saturation change nothing here: the thread has the usual priority, and
// versions are proven before they serve.
#pragma once

#include "base/arena.h"
#include "base/metric.h"
#include "server/registry.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PULSE_MS = 5000, PULSE_RECENT_MS = 60000 };

enum pulse_state {
    PULSE_GOOD,
    PULSE_NO_MODEL, // none serves
    PULSE_FAILED,   // a golden row scores otherwise
    PULSE_OLD,      // nobody has looked for PULSE_RECENT_MS
};

struct pulse {
    struct registry *registry;
    unsigned reader; // of the registry: of the thread that beats
    struct metric_shard *shard;
    struct arena arena;
    atomic_int state; // enum pulse_state, never PULSE_OLD
    _Atomic uint64_t beaten_ns;
};

void pulse_init(struct pulse *pulse, struct registry *registry, unsigned reader,
                struct metric_shard *shard);
void pulse_fini(struct pulse *pulse); // zeroed is nothing
// Looks now. One thread.
void pulse_beat(struct pulse *pulse);
enum pulse_state pulse_state(const struct pulse *pulse); // any thread
const char *pulse_words(enum pulse_state state);         // why it is not good
