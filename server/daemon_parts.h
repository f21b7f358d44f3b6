// Everything that a running ctrd is made of: what daemon.c starts and stops, attend.c
// looks after, drain.c ends and reload.c changes.
#pragma once

#include "base/cfg.h"
#include "base/queue.h"
#include "server/acceptor.h"
#include "server/access.h"
#include "server/admin.h"
#include "server/admit.h"
#include "server/conns.h"
#include "server/doors.h"
#include "server/expiry.h"
#include "server/http.h"
#include "server/lifecycle.h"
#include "server/live.h"
#include "server/notify.h"
#include "server/observe.h"
#include "server/pulse.h"
#include "server/registry.h"
#include "server/serve.h"
#include "server/server_config.h"
#include "server/slot.h"
#include "server/worker.h"

// Threads by number: index of the shards of the metrics and of the readers of the registry. Workers
// come first.
enum { DAEMON_EXTRA_THREADS = 3 + EXPIRY_THREADS }; // admin socket, admin port, main, deadlines

struct daemon {
    struct server_config *config;
    const struct cfg_sources *sources; // for SIGHUP
    int signal_fd;
    struct notify notify;
    struct pulse pulse;
    uint64_t next_beat_ns; // of the main thread, attend.c
    struct doors doors;
    unsigned workers, io_threads;
    const struct kernels *kernels;
    struct registry *registry;
    struct lifecycle *lifecycle;
    struct server_metrics metrics;
    struct queue *queue;
    struct slot_pool *slots;
    struct admit admit;
    struct conns *conns, *admin_conns;
    struct expiry *expiry;
    struct serve *here; // (io_threads)
    struct live live;
    struct logline *lines;
    struct access access;
    struct buf openapi;
    struct observe observe;
    struct admin admin;
    struct worker_crew *crew;
    struct http **https; // (io_threads), then those of the admin plane; NULL: there is none
    struct acceptor *acceptor;
};

void daemon_quiesce(struct daemon *daemon); // no connection is taken any more
