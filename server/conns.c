#include "server/conns.h"

#include "base/hash64.h"
#include "base/num.h"
#include "base/tick.h"
#include "server/address.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNS_BATCH = 128,
    CONNS_PAUSE_MS = 20,   // between two tellings: the library may miss one as it missed the first
    CONNS_LOOK_MS = 100,   // between two looks at the limits of time
    CONNS_ROOM_SHARE = 16, // one in so many is kept free by closing idle ones
    CONNS_IDLE_NS = 10000000, // idle: not just begun, with a head on its way
};

struct conn {
    int fd;
    enum conns_phase phase;
    bool cut; // shut down already
    uint64_t since_ns;
    struct conn *before, *after; // in the list of its phase, the oldest first; `after` of free ones
    struct address peer;         // as it began: a reset takes it from the socket
    struct conn *neighbour;      // in the chain of its address
};

struct conns {
    struct conns_limits limits;
    pthread_mutex_t lock;
    pthread_t thread;
    int epoll_fd, stop_fd;
    size_t count, leaving; // connections; those of them that are cut
    size_t reserved;       // places for connections that are on their way
    unsigned long cut;
    struct conn *first[CONNS_PHASES], *last[CONNS_PHASES];
    struct conn *free;
    struct conn **chains; // (chain_count), by hash of the address
    size_t chain_count;   // a power of two
    struct conn all[];
};

static void unlink_conn(struct conns *conns, struct conn *conn)
{
    *(conn->before != NULL ? &conn->before->after : &conns->first[conn->phase]) = conn->after;
    *(conn->after != NULL ? &conn->after->before : &conns->last[conn->phase]) = conn->before;
}

static void append(struct conns *conns, struct conn *conn, enum conns_phase phase)
{
    conn->phase = phase;
    conn->since_ns = tick_ns();
    conn->before = conns->last[phase];
    conn->after = NULL;
    *(conn->before != NULL ? &conn->before->after : &conns->first[phase]) = conn;
    conns->last[phase] = conn;
}

static void cut(struct conns *conns, struct conn *conn)
{
    if (conn->cut)
        return;
    conn->cut = true;
    conns->leaving++;
    conns->cut++;
    shutdown(conn->fd, SHUT_RDWR);
}

// A phase's list is in the order in which its connections run out of time.
static void cut_late(struct conns *conns)
{
    const unsigned limits_ms[CONNS_PHASES] = {[CONNS_HEAD] = conns->limits.head_ms,
                                              [CONNS_BODY] = conns->limits.body_ms,
                                              [CONNS_WRITE] = conns->limits.write_ms};
    pthread_mutex_lock(&conns->lock);
    uint64_t now = tick_ns();
    for (int phase = 0; phase < CONNS_PHASES; phase++) {
        uint64_t limit_ns = (uint64_t)limits_ms[phase] * 1000000;
        for (struct conn *conn = conns->first[phase];
             limit_ns > 0 && conn != NULL && now - conn->since_ns >= limit_ns; conn = conn->after)
            cut(conns, conn);
    }
    pthread_mutex_unlock(&conns->lock);
}

// Shutting down what its peer has shut already changes nothing, but wakes all who wait for the
// socket; what was sent before the end can still be read.
static bool tell_again(struct conns *conns)
{
    struct epoll_event events[CONNS_BATCH];
    pthread_mutex_lock(&conns->lock);
    int count = epoll_wait(conns->epoll_fd, events, CONNS_BATCH, 0);
    for (int i = 0; i < count; i++)
        shutdown(events[i].data.fd, SHUT_RD);
    pthread_mutex_unlock(&conns->lock);
    return count > 0;
}

static void *run(void *argument)
{
    struct conns *conns = argument;
    struct pollfd probes[] = {{.fd = conns->stop_fd, .events = POLLIN},
                              {.fd = conns->epoll_fd, .events = POLLIN}};
    uint64_t looked_ns = tick_ns();
    while (probes[0].revents == 0) {
        poll(probes, 2, CONNS_LOOK_MS);
        if (probes[1].revents != 0 && tell_again(conns))
            poll(probes, 1, CONNS_PAUSE_MS);
        if (tick_ns() - looked_ns >= (uint64_t)CONNS_LOOK_MS * 1000000) {
            cut_late(conns);
            looked_ns = tick_ns();
        }
    }
    return NULL;
}

static void free_conns(struct conns *conns)
{
    if (conns->epoll_fd >= 0)
        close(conns->epoll_fd);
    if (conns->stop_fd >= 0)
        close(conns->stop_fd);
    pthread_mutex_destroy(&conns->lock);
    free(conns->chains);
    free(conns);
}

static struct conns *make(const struct conns_limits *limits)
{
    size_t bytes, chains = 8;
    while (chains < limits->max_connections)
        chains *= 2;
    if (!num_mul(limits->max_connections, sizeof(struct conn), &bytes) ||
        !num_add(bytes, sizeof(struct conns), &bytes))
        return NULL;
    struct conns *conns = calloc(1, bytes);
    if (conns == NULL)
        return NULL;
    conns->chains = calloc(chains, sizeof(*conns->chains));
    if (conns->chains == NULL) {
        free(conns);
        return NULL;
    }
    conns->limits = *limits;
    conns->chain_count = chains;
    for (size_t i = limits->max_connections; i-- > 0;) {
        conns->all[i].after = conns->free;
        conns->free = &conns->all[i];
    }
    pthread_mutex_init(&conns->lock, NULL);
    return conns;
}

enum status conns_start(const struct conns_limits *limits, struct conns **ret_conns,
                        struct diag *reterr)
{
    struct conns *conns = make(limits);
    if (conns == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the watch over connections");
    conns->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    conns->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (conns->epoll_fd < 0 || conns->stop_fd < 0 ||
        pthread_create(&conns->thread, NULL, run, conns) != 0) {
        free_conns(conns);
        return diag_set(reterr, STATUS_IO, "the watch over connections cannot be started");
    }
    *ret_conns = conns;
    return STATUS_OK;
}

void conns_stop(struct conns *conns)
{
    if (conns == NULL)
        return;
    eventfd_write(conns->stop_fd, 1);
    pthread_join(conns->thread, NULL);
    assert(conns->count == 0);
    free_conns(conns);
}

static struct conn **chain_of(struct conns *conns, const struct conn *conn)
{
    // Seeded by a place that nobody outside knows.
    uint64_t hash = hash64(&conn->peer, sizeof(conn->peer), (uint64_t)(uintptr_t)conns);
    return &conns->chains[(size_t)hash & (conns->chain_count - 1)];
}

static unsigned count_same(struct conns *conns, const struct conn *conn)
{
    unsigned count = 0;
    for (const struct conn *at = *chain_of(conns, conn); at != NULL; at = at->neighbour)
        count += address_equal(&at->peer, &conn->peer);
    return count;
}

// Under the lock.
static struct conn *add(struct conns *conns, int socket_fd)
{
    struct conn *conn = conns->free;
    if (conn == NULL)
        return NULL;
    struct conn *rest = conn->after;
    *conn = (struct conn){.fd = socket_fd, .peer = address_of_peer(socket_fd)};
    if (conns->limits.max_per_address > 0 &&
        count_same(conns, conn) >= conns->limits.max_per_address) {
        conn->after = rest;
        return NULL;
    }
    conns->free = rest;
    struct conn **chain = chain_of(conns, conn);
    conn->neighbour = *chain;
    *chain = conn;
    append(conns, conn, CONNS_HEAD);
    conns->count++;
    return conn;
}

static void make_room(struct conns *conns)
{
    size_t most = conns->limits.max_connections;
    size_t spare = most / CONNS_ROOM_SHARE + 1, above = most > spare ? most - spare : most;
    struct conn *conn = conns->first[CONNS_HEAD];
    while (conn != NULL && conn->cut)
        conn = conn->after;
    if (conns->count - conns->leaving > above && conn != NULL &&
        tick_ns() - conn->since_ns >= CONNS_IDLE_NS)
        cut(conns, conn);
}

bool conns_reserve(struct conns *conns)
{
    pthread_mutex_lock(&conns->lock);
    bool room = conns->count + conns->reserved < conns->limits.max_connections;
    conns->reserved += room;
    pthread_mutex_unlock(&conns->lock);
    return room;
}

void conns_make_room(struct conns *conns)
{
    pthread_mutex_lock(&conns->lock);
    make_room(conns);
    pthread_mutex_unlock(&conns->lock);
}

void conns_unreserve(struct conns *conns)
{
    pthread_mutex_lock(&conns->lock);
    conns->reserved--;
    pthread_mutex_unlock(&conns->lock);
}

struct conn *conns_add(struct conns *conns, int socket_fd)
{
    pthread_mutex_lock(&conns->lock);
    conns->reserved--;
    make_room(conns);
    struct conn *conn = add(conns, socket_fd);
    if (conn == NULL) {
        conns->cut++;
        shutdown(socket_fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&conns->lock);
    if (conn == NULL)
        return NULL;
    struct epoll_event event = {.events = EPOLLRDHUP, .data.fd = socket_fd};
    // Without memory in the kernel the limits of time still end the connection.
    (void)epoll_ctl(conns->epoll_fd, EPOLL_CTL_ADD, socket_fd, &event);
    return conn;
}

void conns_remove(struct conns *conns, struct conn *conn)
{
    if (conn == NULL)
        return;
    pthread_mutex_lock(&conns->lock);
    (void)epoll_ctl(conns->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    struct conn **link = chain_of(conns, conn);
    while (*link != conn)
        link = &(*link)->neighbour;
    *link = conn->neighbour;
    unlink_conn(conns, conn);
    conn->after = conns->free;
    conns->free = conn;
    conns->count--;
    conns->leaving -= conn->cut;
    pthread_mutex_unlock(&conns->lock);
}

void conns_enter(struct conns *conns, struct conn *conn, enum conns_phase phase)
{
    if (conn == NULL)
        return;
    pthread_mutex_lock(&conns->lock);
    unlink_conn(conns, conn);
    append(conns, conn, phase);
    pthread_mutex_unlock(&conns->lock);
}

struct address conns_peer(const struct conn *conn)
{
    return conn != NULL ? conn->peer : (struct address){IN6ADDR_ANY_INIT};
}

size_t conns_count(struct conns *conns)
{
    pthread_mutex_lock(&conns->lock);
    size_t count = conns->count;
    pthread_mutex_unlock(&conns->lock);
    return count;
}

unsigned long conns_cut(struct conns *conns)
{
    pthread_mutex_lock(&conns->lock);
    unsigned long count = conns->cut;
    pthread_mutex_unlock(&conns->lock);
    return count;
}
