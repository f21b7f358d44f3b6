// HTTP/1.1 in front of the server: the one door to libmicrohttpd.
//
// One I/O thread (epoll) reads bodies into slots, answers the routes of plane ROUTE_OBSERVE itself
// and puts those of ROUTE_DATA into the queue; the connection sleeps until http_wake. Bodies are
// limited, heads are checked (server/head.h), and every answer of ours to a fault is {"error":
// ...}. A request line or header block that cannot be parsed at all is answered by the library,
// with 4xx and no JSON.
#pragma once

#include "base/queue.h"
#include "base/status.h"
#include "server/observe.h"
#include "server/slot.h"

#include <stddef.h>

struct http; // owns the I/O thread and its connections

struct http_parts {
    int listen_fd; // bound and listening; closed by http_stop
    size_t max_body_bytes;
    unsigned max_connections, idle_timeout_s;
    struct slot_pool *slots; // at least one per connection and per worker
    struct queue *queue;
    struct observe *observe;
    struct metric_shard *shard;
};

MUST_USE enum status http_start(const struct http_parts *parts, struct http **ret_http,
                                struct diag *reterr);
// Any thread: the slot is SLOT_DONE, the I/O thread shall send its reply.
void http_wake(struct slot *slot);
// No more connections; those that are there go on.
void http_quiesce(struct http *http);
// Ends the I/O thread. No slot is with a worker any more.
void http_stop(struct http *http);
