// A request on its way between the I/O thread and the workers, and the pool that it comes from.
//
//   slot_take ... body is read ... QUEUED -> TAKEN -> DONE ... reply is sent ... slot_release
//
// A slot has up to two owners, the connection and (from the queue on) the worker. It goes back to
// the pool when both have let go, so neither can see it reused. Body and reply buffers belong to
// the slot and keep their memory for the next request; the pool is last-in first-out, which keeps
// it warm.
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "server/route.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum slot_state { SLOT_READING, SLOT_QUEUED, SLOT_TAKEN, SLOT_DONE };

struct slot {
    atomic_int state; // enum slot_state
    atomic_uint owners;
    const struct route *route;
    struct buf body;     // then JSON_READ_PADDING zero bytes, from slot_seal on
    size_t body_size;    // without the padding
    size_t discarded;    // bytes of a body that is over the limit
    struct buf reply;    // written by the worker while TAKEN, read by the connection when DONE
    enum status outcome; // of the reply
    uint64_t arrival_ns; // head of the request read
    uint64_t queued_ns;
    uint64_t deadline_ns; // of a header; 0: none
    void *connection;     // of http.c
    int socket_fd;
    struct slot *next_free;
};

struct slot_pool; // thread-safe

// `count` slots; bodies up to `max_body_bytes`, replies up to `max_reply_bytes`. NULL: no memory.
struct slot_pool *slot_pool_new(size_t count, size_t max_body_bytes, size_t max_reply_bytes);
void slot_pool_free(struct slot_pool *pool); // all slots are back

struct slot *slot_take(struct slot_pool *pool); // one owner, READING, empty; NULL: all are out
void slot_share(struct slot *slot);             // a second owner
void slot_release(struct slot_pool *pool, struct slot *slot);

// Ends the body: appends the zero bytes that the reader may look at. STATUS_NO_MEMORY.
MUST_USE enum status slot_seal(struct slot *slot);

// Changes the state if it is `from`; whoever gets true has the right to answer.
bool slot_move(struct slot *slot, enum slot_state from, enum slot_state to);
enum slot_state slot_state(const struct slot *slot);
