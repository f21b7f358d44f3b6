// The connections of a listener: how long each may take, how many there may be, and who has hung
// up.
//
// The HTTP library ends a connection on which nothing has come for a while; a client that sends a
// byte now and then it keeps for ever. Here each phase of a request has a limit from its begin: the
// head (idle time before it included), the body, the sending of the reply. When connections run
// out, those that have waited longest for a head are closed to make room. Closing is by
// shutdown(2): the library sees it and lets go.
//
// The library (0.9.75) also waits for edges and takes a short read for the end of what there is:
// when the last bytes of a client and the end of its stream come as one event, it never reads
// again. A thread here waits for ends of streams too and has the kernel tell the library anew,
// until it has closed the connection.
#pragma once

#include "base/status.h"
#include "server/address.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum conns_phase { CONNS_HEAD, CONNS_BODY, CONNS_WORK, CONNS_WRITE, CONNS_PHASES };

struct conns_limits {
    unsigned max_connections;
    unsigned max_per_address; // 0: no limit
    unsigned head_ms, body_ms, write_ms;
};

struct conns; // owns a thread
struct conn;  // one connection; owned by conns

// STATUS_NO_MEMORY; STATUS_IO: no descriptor or no thread.
MUST_USE enum status conns_start(const struct conns_limits *limits, struct conns **ret_conns,
                                 struct diag *reterr);
void conns_stop(struct conns *conns); // no connection is left; NULL is nothing

// Any thread. A place is reserved before a connection is accepted, false: there is none. It goes to
// the next that is added, or back.
MUST_USE bool conns_reserve(struct conns *conns);
void conns_unreserve(struct conns *conns);
void conns_make_room(struct conns *conns); // somebody waits for a place
// Any thread. A connection is added when it begins and removed before its socket is closed, so that
// no socket is touched whose number is another's by then. NULL: the address has too many, or
// there is no place; the socket is shut down then.
struct conn *conns_add(struct conns *conns, int socket_fd);
void conns_remove(struct conns *conns, struct conn *conn); // NULL is nothing
void conns_enter(struct conns *conns, struct conn *conn, enum conns_phase phase);
// Of the client, as it was when the connection began. NULL has none.
struct address conns_peer(const struct conn *conn);

size_t conns_count(struct conns *conns);
// Closed by a limit of time or to make room, and refused, since the start.
unsigned long conns_cut(struct conns *conns);
