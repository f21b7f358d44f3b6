// Makes the HTTP library see clients that hung up.
//
// libmicrohttpd 0.9.75 waits for edges and takes a short read for the end of what there is: when
// the last bytes of a client and the end of its stream come as one event, it never reads again, and
// the connection is held until the idle timeout. A thread here waits for ends of streams and has
// the kernel tell the library anew, until the library has closed the connection.
#pragma once

#include "base/status.h"

struct hangup; // owns a thread

// STATUS_IO: no descriptor or no thread.
MUST_USE enum status hangup_start(struct hangup **ret_hangup, struct diag *reterr);
void hangup_stop(struct hangup *hangup); // NULL is nothing

// Any thread. A socket is added when its connection begins and removed before it is closed, so that
// none is touched whose number is another's by then.
void hangup_add(struct hangup *hangup, int socket_fd);
void hangup_remove(struct hangup *hangup, int socket_fd);
