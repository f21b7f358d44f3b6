// The main thread of a running ctrd: waits for signals, and meanwhile sees to it that the daemon
// does what it is for, and tells the service manager.
#pragma once

#include "server/daemon_parts.h"

// The first beat: what serves, before anybody is told that it does.
void attend_start(struct daemon *daemon);
// The next signal, or 0 after `timeout_ms` (-1: no limit).
int attend_wait(struct daemon *daemon, int timeout_ms);
