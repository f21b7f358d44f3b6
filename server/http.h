// HTTP/1.1 in front of the server: the one door to libmicrohttpd.
//
// An instance is one I/O thread (epoll) with the connections that it is given (acceptor.h). It
// reads requests into slots (intake.h); the connection sleeps while a worker or the admin plane has
// the slot. Every answer to a fault is {"error": ...}, also where the library cannot parse what
// came and asks nobody (library_error.h).
#pragma once

#include "base/status.h"
#include "server/access.h"
#include "server/conns.h"
#include "server/intake.h"

struct http; // owns the I/O thread and its connections

enum { HTTP_IDLE_MS = 500 }; // a thread that has nothing to do goes round so often

struct http_parts {
    unsigned max_connections;
    struct conns *conns;   // with room for those of all instances that share it
    struct access *access; // NULL: no access log
    struct intake intake;  // `ids` are the instance's own
};

MUST_USE enum status http_start(const struct http_parts *parts, struct http **ret_http,
                                struct diag *reterr);
// Any thread: the connection is the instance's from here on, and takes the place that was reserved
// for it (conns.h).
void http_take(struct http *http, int socket_fd);
uint64_t http_turned_ns(const struct http *http);  // when its loop last went round
unsigned http_open_count(const struct http *http); // connections, those on their way to it too
// Ends the I/O thread. No slot is with a worker any more. NULL is nothing.
void http_stop(struct http *http);
