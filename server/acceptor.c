#include "server/acceptor.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/priority.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTOR_BATCH = 64,   // from one door, before the others have their turn
    ACCEPTOR_PAUSE_MS = 5, // before a door without room is looked at again
};

struct acceptor {
    struct acceptor_door doors[ACCEPTOR_MOST_DOORS];
    size_t count;
    int stop_fd;
    pthread_t thread;
    _Atomic uint64_t turned_ns;
};

// What a door has after a look at it.
enum acceptor_door_state {
    ACCEPTOR_EMPTY,   // nobody waits
    ACCEPTOR_WAITING, // perhaps somebody waits
    ACCEPTOR_FULL,    // there is no room, here or in the kernel
};

static void hand_over(const struct acceptor_door *door, int socket_fd)
{
    struct http *least = door->https[0];
    for (unsigned i = 1; i < door->http_count; i++)
        if (http_open_count(door->https[i]) < http_open_count(least))
            least = door->https[i];
    http_take(least, socket_fd);
}

// Whether the fault is of that connection alone (accept(2)).
static bool goes_on(int error)
{
    return error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM &&
           error != EINVAL && error != EBADF;
}

static bool somebody_waits(const struct acceptor_door *door)
{
    struct pollfd probe = {.fd = door->listen_fd, .events = POLLIN};
    return poll(&probe, 1, 0) == 1;
}

static enum acceptor_door_state take_one(const struct acceptor_door *door)
{
    if (!conns_reserve(door->conns)) {
        if (somebody_waits(door))
            conns_make_room(door->conns);
        return ACCEPTOR_FULL;
    }
    int socket_fd = accept4(door->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket_fd >= 0) {
        hand_over(door, socket_fd);
        return ACCEPTOR_WAITING;
    }
    int error = errno;
    conns_unreserve(door->conns);
    if (error == EAGAIN)
        return ACCEPTOR_EMPTY;
    if (goes_on(error))
        return ACCEPTOR_WAITING;
    LOG_EVENT(LOG_ERROR, "cannot accept", LOG_S("reason", strerror(error)));
    return ACCEPTOR_FULL;
}

static enum acceptor_door_state take(const struct acceptor_door *door, size_t most)
{
    enum acceptor_door_state state = ACCEPTOR_WAITING;
    for (size_t i = 0; i < most && state == ACCEPTOR_WAITING; i++)
        state = take_one(door);
    return state;
}

static void *run(void *argument)
{
    struct acceptor *acceptor = argument;
    struct pollfd probes[ACCEPTOR_MOST_DOORS + 1] = {{.fd = acceptor->stop_fd, .events = POLLIN}};
    priority_prompt();
    for (;;) {
        int timeout_ms = HTTP_IDLE_MS;
        atomic_store_explicit(&acceptor->turned_ns, tick_ns(), memory_order_relaxed);
        for (size_t i = 0; i < acceptor->count; i++) {
            const struct acceptor_door *door = &acceptor->doors[i];
            enum acceptor_door_state state = take(door, ACCEPTOR_BATCH);
            probes[i + 1] = (struct pollfd){.fd = door->listen_fd, .events = POLLIN};
            if (state != ACCEPTOR_FULL)
                continue;
            probes[i + 1].fd = -1;
            timeout_ms = ACCEPTOR_PAUSE_MS;
        }
        poll(probes, acceptor->count + 1, timeout_ms);
        if (probes[0].revents != 0)
            break;
    }
    for (size_t i = 0; i < acceptor->count; i++)
        if (!acceptor->doors[i].shared)
            (void)take(&acceptor->doors[i], SOMAXCONN);
    return NULL;
}

static enum status start(struct acceptor *acceptor, struct diag *reterr)
{
    for (size_t i = 0; i < acceptor->count; i++) {
        int flags = fcntl(acceptor->doors[i].listen_fd, F_GETFL);
        if (flags < 0 || fcntl(acceptor->doors[i].listen_fd, F_SETFL, flags | O_NONBLOCK) != 0)
            return diag_errno(reterr, "", "a listening socket");
    }
    acceptor->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (acceptor->stop_fd < 0)
        return diag_errno(reterr, "", "eventfd");
    if (pthread_create(&acceptor->thread, NULL, run, acceptor) == 0)
        return STATUS_OK;
    close(acceptor->stop_fd);
    return diag_set(reterr, STATUS_IO, "the thread that accepts cannot be made");
}

enum status acceptor_start(const struct acceptor_door *doors, size_t count,
                           struct acceptor **ret_acceptor, struct diag *reterr)
{
    assert(count <= ACCEPTOR_MOST_DOORS);
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    if (acceptor == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the thread that accepts");
    memcpy(acceptor->doors, doors, count * sizeof(*doors));
    acceptor->count = count;
    atomic_init(&acceptor->turned_ns, tick_ns());
    enum status code = start(acceptor, reterr);
    if (code != STATUS_OK) {
        free(acceptor);
        return code;
    }
    *ret_acceptor = acceptor;
    return STATUS_OK;
}

uint64_t acceptor_turned_ns(const struct acceptor *acceptor)
{
    return atomic_load_explicit(&acceptor->turned_ns, memory_order_relaxed);
}

void acceptor_stop(struct acceptor *acceptor)
{
    if (acceptor == NULL)
        return;
    eventfd_write(acceptor->stop_fd, 1);
    pthread_join(acceptor->thread, NULL);
    close(acceptor->stop_fd);
    free(acceptor);
}
