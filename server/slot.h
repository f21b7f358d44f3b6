// A request on its way between the I/O threads, the workers and the deadline thread, and the pool
// that it comes from.
//
//   slot_take ... body is read ... QUEUED -> TAKEN -> DONE ... reply is sent ... slot_release
//                                     \        \-> EXPIRED
//                                      \-> EXPIRED
//
// Worker and the thread of deadlines change the state by compare-and-swap; the one that ends it, as
// DONE or EXPIRED, wakes the connection. Each has an answer of its own to write into, so that
// neither sees the other's. A slot has several owners: the connection, from the queue on the worker
// or the admin plane, and those that look at its time (expiry.h) while they do; it goes back to the
// pool when all have let go. Buffers belong to the slot and keep their memory for the next request,
// as far as the pool's budget goes; the pool is last-in first-out, which keeps it warm.
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "server/route.h"
#include "server/serve.h"
#include "server/trace.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot_timer;
struct http;

enum slot_state { SLOT_READING, SLOT_QUEUED, SLOT_TAKEN, SLOT_DONE, SLOT_EXPIRED };

// Who comes at a time (expiry.h): to end it, to make an answer by bid.
enum slot_place { SLOT_PLACE_END, SLOT_PLACE_AHEAD, SLOT_PLACES };

struct slot_watch {
    struct slot_timer *by; // NULL: nobody
    uint64_t at_ns;
    size_t heap_at; // its place there + 1; 0: none any more
};

struct slot_answer {
    enum status code; // gives the HTTP status
    bool prepared;    // the body is reply_prepared(code) (reply.h), not the buffer
    struct buf body;
    struct serve_facts facts;
};

struct slot {
    atomic_int state; // enum slot_state
    atomic_uint owners;

    // Of the head: set by intake, read-only from the queue on.
    const struct route *route;        // NULL: the path is unknown
    char model[STORE_NAME_BYTES + 1]; // in the path; "" if there is none
    struct trace trace;
    bool gzip, wants_timing, openmetrics, closes;
    uint64_t arrival_ns;  // head read
    uint64_t deadline_ns; // absolute; 0: none
    struct http *http;    // whose connection it is
    void *connection;     // of http.c
    int socket_fd;
    void (*wake)(struct slot *slot); // the answer is there: DONE or EXPIRED

    struct buf body;  // then JSON_READ_PADDING zero bytes, from slot_seal on
    size_t body_size; // without the padding
    size_t discarded; // bytes of a body that is over the limit
    size_t reserved;  // bytes taken from the budget (admit.h)
    atomic_size_t *budget;
    uint64_t queued_ns; // body read, put into the queue
    uint64_t cost_ns;   // of a worker, as expected when it was admitted (admit.h)
    struct slot_watch watches[SLOT_PLACES];

    struct slot_answer reply;    // written by whoever has TAKEN, or before the queue
    struct slot_answer fallback; // written by the thread of deadlines when EXPIRED
    struct slot_answer ahead;    // by bid, for it to take; written before `made_ahead` is set
    atomic_bool made_ahead;
    size_t sent_bytes; // of the body, for the access log

    struct slot_pool *pool;
    struct slot *next_free;
};

struct slot_pool; // thread-safe

struct slot_limits {
    size_t max_body_bytes, max_reply_bytes;
    size_t keep_bytes; // most memory of buffers that free slots keep, all together
};

// NULL: no memory.
MUST_USE struct slot_pool *slot_pool_new(size_t count, const struct slot_limits *limits);
void slot_pool_free(struct slot_pool *pool); // all slots are back

struct slot *slot_take(struct slot_pool *pool); // one owner, READING, empty; NULL: all are out
void slot_share(struct slot *slot);             // an owner more
void slot_release(struct slot *slot);           // one owner less

// Ends the body: appends the zero bytes that the reader may look at. STATUS_NO_MEMORY.
MUST_USE enum status slot_seal(struct slot *slot);

// Changes the state if it is `from`; whoever gets true has the right to answer.
bool slot_move(struct slot *slot, enum slot_state from, enum slot_state to);
enum slot_state slot_state(const struct slot *slot);
// The answer that counts: the slot is DONE or EXPIRED.
struct slot_answer *slot_answer(struct slot *slot);
// Makes the answer the error of `code`; the caller may write it. Without `diag` nothing is
// allocated.
void slot_fail(struct slot_answer *answer, const struct diag *diag, enum status code);
