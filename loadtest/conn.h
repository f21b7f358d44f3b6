// Connections of one thread of the generator: sockets that do not block, under one epoll.
//
// A connection is in the list `closed`, in the list `idle`, or connecting or busy and in none.
#pragma once

#include "base/hist.h"
#include "base/span.h"
#include "loadtest/backlog.h"
#include "loadtest/response.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_IDLE, CONN_BUSY };

struct conn {
    enum conn_state state;
    int fd;
    bool kept;   // it has answered before
    bool holds;  // `job` is to be sent as soon as it is connected
    bool writes; // epoll tells when there is room to write
    struct backlog_job job;
    uint64_t since_ns; // tick_ns: when it began to connect, or to send
    size_t written;
    struct response response;
    uint64_t count, worst_ns;
    struct hist *waits; // of its answers; NULL: not kept
    struct conn *next;  // of its list
};

struct conn_pool {
    int epoll_fd; // events carry the struct conn
    const struct sockaddr_storage *address;
    socklen_t address_size;
    struct conn *idle, *closed;
};

// Begins to connect one of `closed`, which is not empty. NULL: it cannot even be tried.
struct conn *conn_open(struct conn_pool *pool);
// An event came for one that connects. False: it failed, and is still to be closed.
bool conn_is_made(const struct conn_pool *pool, struct conn *conn);
// Writes what is left of `request`, and lets epoll tell when there is room for the rest. False: it
// is broken.
bool conn_send(const struct conn_pool *pool, struct conn *conn, struct span request);
void conn_close(struct conn_pool *pool, struct conn *conn); // it is in no list
void conn_put_idle(struct conn_pool *pool, struct conn *conn);
struct conn *conn_take_idle(struct conn_pool *pool); // the last one put; NULL: none
void conn_forget_idle(struct conn_pool *pool, struct conn *conn);
