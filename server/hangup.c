#include "server/hangup.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HANGUP_BATCH = 128,
    HANGUP_PAUSE_MS = 20, // between two tellings: the library may miss one as it missed the first
};

struct hangup {
    pthread_mutex_t lock; // a socket that is told about is still there
    pthread_t thread;
    int epoll_fd, stop_fd;
};

// Shutting down what its peer has shut already changes nothing, but wakes all who wait for the
// socket; what was sent before the end can still be read.
static void tell_again(struct hangup *hangup)
{
    struct epoll_event events[HANGUP_BATCH];
    pthread_mutex_lock(&hangup->lock);
    int count = epoll_wait(hangup->epoll_fd, events, HANGUP_BATCH, 0);
    for (int i = 0; i < count; i++)
        shutdown(events[i].data.fd, SHUT_RD);
    pthread_mutex_unlock(&hangup->lock);
}

static void *run(void *argument)
{
    struct hangup *hangup = argument;
    struct pollfd probes[] = {{.fd = hangup->stop_fd, .events = POLLIN},
                              {.fd = hangup->epoll_fd, .events = POLLIN}};
    while (probes[0].revents == 0) {
        if (poll(probes, 2, -1) > 0 && probes[1].revents != 0) {
            tell_again(hangup);
            poll(probes, 1, HANGUP_PAUSE_MS);
        }
    }
    return NULL;
}

static void free_hangup(struct hangup *hangup)
{
    if (hangup->epoll_fd >= 0)
        close(hangup->epoll_fd);
    if (hangup->stop_fd >= 0)
        close(hangup->stop_fd);
    pthread_mutex_destroy(&hangup->lock);
    free(hangup);
}

enum status hangup_start(struct hangup **ret_hangup, struct diag *reterr)
{
    struct hangup *hangup = calloc(1, sizeof(*hangup));
    if (hangup == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the watch over connections");
    pthread_mutex_init(&hangup->lock, NULL);
    hangup->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    hangup->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (hangup->epoll_fd < 0 || hangup->stop_fd < 0 ||
        pthread_create(&hangup->thread, NULL, run, hangup) != 0) {
        free_hangup(hangup);
        return diag_set(reterr, STATUS_IO, "the watch over connections cannot be started");
    }
    *ret_hangup = hangup;
    return STATUS_OK;
}

void hangup_stop(struct hangup *hangup)
{
    if (hangup == NULL)
        return;
    eventfd_write(hangup->stop_fd, 1);
    pthread_join(hangup->thread, NULL);
    free_hangup(hangup);
}

void hangup_add(struct hangup *hangup, int socket_fd)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.fd = socket_fd};
    // Without memory in the kernel the idle timeout still ends the connection.
    (void)epoll_ctl(hangup->epoll_fd, EPOLL_CTL_ADD, socket_fd, &event);
}

void hangup_remove(struct hangup *hangup, int socket_fd)
{
    pthread_mutex_lock(&hangup->lock);
    (void)epoll_ctl(hangup->epoll_fd, EPOLL_CTL_DEL, socket_fd, NULL);
    pthread_mutex_unlock(&hangup->lock);
}
