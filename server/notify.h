// Tells a service manager how the daemon stands: datagrams to $NOTIFY_SOCKET, as sd_notify(3) says
// (spec/wire.md 8).
#pragma once

#include "base/log.h"

#include <stdint.h>

enum { NOTIFY_STATUS_BYTES = 200 };

struct notify {
    int fd;                           // -1: nobody asks
    uint64_t watchdog_ns;             // WATCHDOG=1 is expected that often; 0: it is not
    char status[NOTIFY_STATUS_BYTES]; // told last
};

// What NOTIFY_SOCKET (a path or an abstract name) and WATCHDOG_USEC say, the latter unless
// WATCHDOG_PID is another process. A socket that is not there is told in the log.
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);
// "NAME=value" lines. Nothing if nobody asks; what nobody takes is lost. Any thread.
void notify_tell(const struct notify *notify, const char *format, ...) PRINTF_LIKE(2, 3);
