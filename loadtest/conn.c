#include "loadtest/conn.h"

#include "base/tick.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

static void watch(const struct conn_pool *pool, struct conn *conn, int operation, bool writes)
{
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.ptr = conn};
    (void)epoll_ctl(pool->epoll_fd, operation, conn->fd, &event);
    conn->writes = writes;
}

struct conn *conn_open(struct conn_pool *pool)
{
    const int yes = 1;
    struct conn *conn = pool->closed;
    conn->fd = socket(pool->address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return NULL;
    pool->closed = conn->next;
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    int failed = connect(conn->fd, (const struct sockaddr *)pool->address, pool->address_size);
    if (failed != 0 && errno != EINPROGRESS) {
        conn_close(pool, conn);
        return NULL;
    }
    conn->state = CONN_CONNECTING;
    conn->since_ns = tick_ns();
    watch(pool, conn, EPOLL_CTL_ADD, true);
    return conn;
}

bool conn_is_made(const struct conn_pool *pool, struct conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
        return false;
    watch(pool, conn, EPOLL_CTL_MOD, false);
    return true;
}

bool conn_send(const struct conn_pool *pool, struct conn *conn, struct span request)
{
    while (conn->written < request.size) {
        ssize_t done = send(conn->fd, request.data + conn->written, request.size - conn->written,
                            MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) {
            if (!conn->writes)
                watch(pool, conn, EPOLL_CTL_MOD, true);
            return true;
        }
        if (done < 0)
            return false;
        conn->written += (size_t)done;
    }
    if (conn->writes)
        watch(pool, conn, EPOLL_CTL_MOD, false);
    return true;
}

void conn_close(struct conn_pool *pool, struct conn *conn)
{
    close(conn->fd);
    conn->fd = -1;
    conn->state = CONN_CLOSED;
    conn->kept = conn->holds = false;
    conn->next = pool->closed;
    pool->closed = conn;
}

void conn_put_idle(struct conn_pool *pool, struct conn *conn)
{
    conn->state = CONN_IDLE;
    conn->next = pool->idle;
    pool->idle = conn;
}

struct conn *conn_take_idle(struct conn_pool *pool)
{
    struct conn *conn = pool->idle;
    if (conn != NULL)
        pool->idle = conn->next;
    return conn;
}

void conn_forget_idle(struct conn_pool *pool, struct conn *conn)
{
    struct conn **link = &pool->idle;
    while (*link != conn)
        link = &(*link)->next;
    *link = conn->next;
}
