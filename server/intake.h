// A request from its head to its place in the queue, without the HTTP library: route, checks of the
// head, who may ask, body, deadline, admission.
//
//   intake_begin -> intake_body ... -> intake_end -> intake_rank, or
//                                                    intake_queue (for those that others answer)
//
// An intake belongs to one I/O thread; what it points to is shared.
#pragma once

#include "base/queue.h"
#include "base/status.h"
#include "server/admit.h"
#include "server/expiry.h"
#include "server/head.h"
#include "server/live.h"
#include "server/observe.h"
#include "server/secret.h"
#include "server/slot.h"
#include "server/trace.h"

#include <stdbool.h>
#include <stddef.h>

// Who may ask for a guarded route.
enum intake_door {
    INTAKE_NOBODY, // the listener has none
    INTAKE_PEER,   // a UNIX socket: root, or the user that the daemon runs as
    INTAKE_TOKEN,  // the bearer of the token
};

struct intake {
    unsigned planes; // of the listener, enum route_plane
    enum intake_door door;
    const struct secret *token; // of INTAKE_TOKEN
    size_t max_body_bytes;
    struct slot_pool *slots;
    struct queue *queue;
    struct expiry *expiry;
    struct admit *admit;
    struct observe *observe;
    struct admin *admin; // of ROUTE_ADMIN
    const struct live *live;
    struct metric_shard *shard;
    unsigned reader;          // of the registry
    struct serve *serve;      // of this thread; NULL: it has no data plane
    bool ranks;               // short requests itself,
    unsigned few_connections; // with so many
    struct trace_ids *ids;
    uint64_t swept_ns; // when it looked through a full queue last
};

// What the transport tells of a head.
struct intake_head {
    const char *method, *path;
    struct head *head;
    bool is_1_0; // HTTP/1.0 needs no Host
    struct http *http;
    void *connection;
    int socket_fd;
    void (*wake)(struct slot *slot);
};

// A slot with the head's facts; never NULL. If it is DONE already, its answer is an error, which
// waits for the end of the body unless slot->closes.
struct slot *intake_begin(struct intake *intake, const struct intake_head *arrived);
// A piece of the body. False: it is far over the limit, the connection shall be cut.
MUST_USE bool intake_body(struct intake *intake, struct slot *slot, const char *data, size_t size);
// The request is whole. True: somebody else will answer (intake_queue). False: the slot is DONE.
// `call` is for those that are answered here.
MUST_USE bool intake_end(struct intake *intake, struct slot *slot, const struct observe_call *call);
// Ranks at once, on this thread: a short request when nobody waits for a worker and the thread has
// few connections, so that hardly anybody waits for it either. Two wake-ups are saved. True: the
// slot is DONE. `connections`: of the thread.
MUST_USE bool intake_rank(struct intake *intake, struct slot *slot, unsigned connections);
// Hands the slot to the workers or the admin plane; the connection sleeps already. False: nobody
// took it, the slot is DONE.
MUST_USE bool intake_queue(struct intake *intake, struct slot *slot);
// The connection has done with the slot.
void intake_release(struct intake *intake, struct slot *slot);
