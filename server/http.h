// HTTP/1.1 in front of the server: the one door to libmicrohttpd.
//
// An instance is one I/O thread (epoll) with its connections. Several may share a listening socket.
// It reads requests into slots (intake.h); the connection sleeps while a worker or the admin plane
// has the slot. Every answer of ours to a fault is {"error": ...}. A request line or header block
// that cannot be parsed at all is answered by the library, with 4xx and no JSON.
#pragma once

#include "base/status.h"
#include "server/access.h"
#include "server/conns.h"
#include "server/intake.h"

struct http; // owns the I/O thread and its connections

struct http_parts {
    int listen_fd; // bound and listening; borrowed until http_stop
    unsigned max_connections;
    struct conns *conns;   // shared; with room for those of all instances
    struct access *access; // NULL: no access log
    struct intake intake;  // `ids` are the instance's own
};

MUST_USE enum status http_start(const struct http_parts *parts, struct http **ret_http,
                                struct diag *reterr);
// No more connections; those that are there go on.
void http_quiesce(struct http *http);
// Ends the I/O thread. No slot is with a worker any more. NULL is nothing.
void http_stop(struct http *http);
