// Tells a service manager how the daemon stands: datagrams to $NOTIFY_SOCKET, as sd_notify(3) says
// (spec/wire.md 8).
#pragma once

#include "base/log.h"

// The socket, a path or an abstract name, connected. -1: nobody asks, or it is not there, which the
// log tells.
int notify_open(void);
// "NAME=value" lines. Nothing if `fd` is -1; what nobody takes is lost.
void notify_tell(int fd, const char *format, ...) PRINTF_LIKE(2, 3);
