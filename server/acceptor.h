// The thread that accepts: takes connections at the listening sockets and hands each to the I/O
// thread that has the fewest. When a door has as many as it may, the others wait in the kernel.
//
// The HTTP library can accept by itself, but spreads connections over threads by luck, and its
// MHD_quiesce_daemon (0.9.75) may abort when a limit of connections is met at the same time.
#pragma once

#include "base/status.h"
#include "server/conns.h"
#include "server/http.h"

struct acceptor; // owns a thread

enum { ACCEPTOR_MOST_DOORS = 3 };

struct acceptor_door {
    int listen_fd;             // listening; borrowed
    struct conns *conns;       // borrowed, outlives the acceptor
    struct http *const *https; // (http_count), borrowed, outlive the acceptor
    unsigned http_count;
    bool shared; // with who comes after: what waits at the end is left to it
};

// At most ACCEPTOR_MOST_DOORS. STATUS_IO: no thread or no descriptor; STATUS_NO_MEMORY.
MUST_USE enum status acceptor_start(const struct acceptor_door *doors, size_t count,
                                    struct acceptor **ret_acceptor, struct diag *reterr);
uint64_t acceptor_turned_ns(const struct acceptor *acceptor); // when its loop last went round
// Takes what the kernel has accepted already, as far as there is room, but at shared doors; then no
// more. NULL is nothing.
void acceptor_stop(struct acceptor *acceptor);
