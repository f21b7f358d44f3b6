// The main thread of a running ctrd: waits for signals, and meanwhile sees to it that the daemon
// does what it is for, and tells the service manager.
#pragma once

#include "server/daemon_parts.h"

#include <stdbool.h>
#include <stdint.h>

// Whether the service manager is told so: no model fails its golden rows, and every thread that
// accepts or reads has gone round within the watchdog's period (the last one at `turned_ns`; an
// idle one needs a second). That no model serves, starting again would not change.
bool attend_is_well(enum pulse_state pulse, uint64_t turned_ns, uint64_t now_ns,
                    uint64_t period_ns);

// The first beat: what serves, before anybody is told that it does.
void attend_start(struct daemon *daemon);
// The next signal, or 0 after `timeout_ms` (-1: no limit).
int attend_wait(struct daemon *daemon, int timeout_ms);
