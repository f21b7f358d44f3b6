#include "loadtest/client.h"

#include "base/num.h"
#include "base/tick.h"
#include "loadtest/response.h"
#include "loadtest/schedule.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CLIENT_BATCH = 256, CLIENT_READ_BYTES = 64 << 10, CLIENT_LOOK_NS = 10000000 };

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_IDLE, CONN_BUSY };

// A request that is to be answered.
struct job {
    uint64_t planned_ns; // after the start
    size_t request;
    bool again;
};

struct conn {
    enum conn_state state;
    int fd;
    bool kept;  // it has answered before
    bool holds; // `job` is to be sent as soon as it is connected
    struct job job;
    uint64_t sent_ns; // tick_ns
    size_t written;
    struct response response;
    uint64_t count, worst_ns;
    struct hist *waits; // closed loop
    struct conn *next_idle;
};

struct client {
    const struct client_plan *plan;
    struct tally tally;
    struct schedule schedule;
    uint64_t next_planned_ns; // UINT64_MAX: no more
    size_t next_request;
    int epoll_fd;
    size_t open_jobs;    // planned and neither answered nor given up
    struct job *backlog; // (max_backlog), a ring
    size_t backlog_first, backlog_count;
    struct conn *idle;
    uint64_t looked_ns;
    char *buffer;
    struct conn conns[];
};

static size_t window_of(const struct client *client, uint64_t planned_ns)
{
    uint64_t width = client->plan->window_ns;
    return width == 0 ? SIZE_MAX : (size_t)(planned_ns / width);
}

// Requests of the warm-up are sent, and not counted.
static bool counts(const struct client *client, const struct job *job)
{
    return job->planned_ns >= client->plan->warmup_ns;
}

static void give_up(struct client *client, const struct job *job, enum tally_error error)
{
    client->open_jobs--;
    if (counts(client, job))
        tally_error(&client->tally, window_of(client, job->planned_ns), error);
}

static void close_conn(struct client *client, struct conn *conn)
{
    (void)client;
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
    conn->state = CONN_CLOSED;
    conn->kept = false;
}

static void make_idle(struct client *client, struct conn *conn)
{
    conn->state = CONN_IDLE;
    conn->next_idle = client->idle;
    client->idle = conn;
}

static void watch(struct client *client, struct conn *conn, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    (void)epoll_ctl(client->epoll_fd, operation, conn->fd, &event);
}

// False: it cannot even be tried.
static bool open_conn(struct client *client, struct conn *conn)
{
    const struct client_plan *plan = client->plan;
    const int yes = 1;
    conn->fd = socket(plan->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return false;
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    int failed = connect(conn->fd, (const struct sockaddr *)&plan->address, plan->address_size);
    if (failed != 0 && errno != EINPROGRESS) {
        close_conn(client, conn);
        return false;
    }
    conn->state = CONN_CONNECTING;
    watch(client, conn, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
    return true;
}

// Writes what is left of the request. False: the connection is broken.
static bool send_more(struct client *client, struct conn *conn)
{
    struct span request = client->plan->requests[conn->job.request];
    while (conn->written < request.size) {
        ssize_t done = send(conn->fd, request.data + conn->written, request.size - conn->written,
                            MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) {
            watch(client, conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return true;
        }
        if (done < 0)
            return false;
        conn->written += (size_t)done;
    }
    watch(client, conn, EPOLL_CTL_MOD, EPOLLIN);
    return true;
}

// The connection has ended under a request; a stale one is sent again on a new connection.
static void lose(struct client *client, struct conn *conn, enum tally_error error)
{
    struct job job = conn->job;
    bool stale = client->plan->retry_stale && conn->kept && !conn->response.begun && !job.again &&
                 error == TALLY_RESET;
    close_conn(client, conn);
    if (!stale) {
        give_up(client, &job, error);
        return;
    }
    client->tally.retried++;
    conn->holds = open_conn(client, conn);
    conn->job.again = true;
    if (!conn->holds)
        give_up(client, &job, TALLY_CONNECT);
}

static void give(struct client *client, struct conn *conn, const struct job *job)
{
    conn->state = CONN_BUSY;
    conn->job = *job;
    conn->written = 0;
    conn->sent_ns = tick_ns();
    response_start(&conn->response);
    uint64_t due_ns = client->plan->start_ns + job->planned_ns;
    if (counts(client, job) && conn->sent_ns > due_ns)
        hist_add(&client->tally.lateness, conn->sent_ns - due_ns);
    if (!send_more(client, conn))
        lose(client, conn, TALLY_RESET);
}

static struct conn *closed_conn(struct client *client)
{
    for (size_t i = 0; i < client->plan->connections; i++)
        if (client->conns[i].state == CONN_CLOSED)
            return &client->conns[i];
    return NULL;
}

// Gives waiting requests to idle connections, and opens one where none is idle.
static void hand_out(struct client *client)
{
    while (client->backlog_count > 0 && client->idle != NULL) {
        struct conn *conn = client->idle;
        client->idle = conn->next_idle;
        struct job job = client->backlog[client->backlog_first];
        client->backlog_first = (client->backlog_first + 1) % client->plan->max_backlog;
        client->backlog_count--;
        give(client, conn, &job);
    }
    struct conn *closed = client->backlog_count > 0 ? closed_conn(client) : NULL;
    if (closed != NULL && !open_conn(client, closed)) {
        struct job job = client->backlog[client->backlog_first];
        client->backlog_first = (client->backlog_first + 1) % client->plan->max_backlog;
        client->backlog_count--;
        give_up(client, &job, TALLY_CONNECT);
    }
}

static void put_back(struct client *client, const struct job *job)
{
    if (client->backlog_count == client->plan->max_backlog) {
        give_up(client, job, TALLY_BACKLOG);
        return;
    }
    size_t at = (client->backlog_first + client->backlog_count++) % client->plan->max_backlog;
    client->backlog[at] = *job;
}

static void plan_one(struct client *client, uint64_t planned_ns)
{
    struct job job = {.planned_ns = planned_ns,
                      .request = client->next_request++ % client->plan->request_count};
    client->open_jobs++;
    if (counts(client, &job)) {
        size_t window = window_of(client, planned_ns);
        client->tally.planned++;
        if (window < client->tally.window_count)
            client->tally.windows[window].planned++;
    }
    put_back(client, &job);
}

static void answered(struct client *client, struct conn *conn)
{
    const struct client_plan *plan = client->plan;
    uint64_t now_ns = tick_ns(), latency_ns = now_ns - plan->start_ns - conn->job.planned_ns;
    client->open_jobs--;
    conn->kept = true;
    if (counts(client, &conn->job)) {
        tally_answer(&client->tally, window_of(client, conn->job.planned_ns), conn->response.status,
                     latency_ns, plan->deadline_ns);
        conn->count++;
        conn->worst_ns = latency_ns > conn->worst_ns ? latency_ns : conn->worst_ns;
        if (conn->waits != NULL)
            hist_add(conn->waits, latency_ns);
    }
    if (conn->response.closes)
        close_conn(client, conn);
    else
        make_idle(client, conn);
    bool more =
        plan->per_second == 0 && now_ns < plan->start_ns + plan->duration_ns && !*plan->stop;
    if (more)
        plan_one(client, now_ns - plan->start_ns);
}

static void receive(struct client *client, struct conn *conn)
{
    for (;;) {
        ssize_t got = recv(conn->fd, client->buffer, CLIENT_READ_BYTES, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            lose(client, conn, TALLY_RESET);
            return;
        }
        size_t used = response_take(&conn->response, client->buffer, (size_t)got);
        if (conn->response.state == RESPONSE_MALFORMED ||
            (conn->response.state == RESPONSE_DONE && used < (size_t)got)) {
            lose(client, conn, TALLY_MALFORMED);
            return;
        }
        if (conn->response.state == RESPONSE_DONE) {
            answered(client, conn);
            return;
        }
    }
}

static void connected(struct client *client, struct conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);
    bool made = getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    bool holds = conn->holds;
    struct job job = conn->job;
    conn->holds = false;
    if (!made)
        close_conn(client, conn);
    else
        watch(client, conn, EPOLL_CTL_MOD, EPOLLIN);
    if (made && holds)
        give(client, conn, &job);
    else if (made)
        make_idle(client, conn);
    else if (holds)
        give_up(client, &job, TALLY_CONNECT);
    if (made || holds || client->backlog_count == 0)
        return;
    job = client->backlog[client->backlog_first];
    client->backlog_first = (client->backlog_first + 1) % client->plan->max_backlog;
    client->backlog_count--;
    give_up(client, &job, TALLY_CONNECT);
}

static void forget_idle(struct client *client, struct conn *conn)
{
    struct conn **link = &client->idle;
    while (*link != conn)
        link = &(*link)->next_idle;
    *link = conn->next_idle;
}

static void handle(struct client *client, struct conn *conn, uint32_t events)
{
    if (conn->state == CONN_CONNECTING) {
        connected(client, conn);
    } else if (conn->state == CONN_IDLE) { // the server has closed it, or talks unasked
        forget_idle(client, conn);
        close_conn(client, conn);
    } else if (conn->state == CONN_BUSY) {
        if ((events & EPOLLOUT) != 0 && !send_more(client, conn))
            lose(client, conn, TALLY_RESET);
        else if ((events & ~(uint32_t)EPOLLOUT) != 0)
            receive(client, conn);
    }
}

static void look_for_timeouts(struct client *client, uint64_t now_ns)
{
    if (now_ns - client->looked_ns < CLIENT_LOOK_NS)
        return;
    client->looked_ns = now_ns;
    for (size_t i = 0; i < client->plan->connections; i++) {
        struct conn *conn = &client->conns[i];
        if (conn->state == CONN_BUSY && now_ns > conn->sent_ns + client->plan->timeout_ns)
            lose(client, conn, TALLY_TIMEOUT);
    }
}

static void plan_due(struct client *client, uint64_t now_ns)
{
    const struct client_plan *plan = client->plan;
    while (client->next_planned_ns != UINT64_MAX &&
           plan->start_ns + client->next_planned_ns <= now_ns) {
        plan_one(client, client->next_planned_ns);
        hand_out(client);
        uint64_t next_ns = schedule_next(&client->schedule);
        client->next_planned_ns =
            next_ns < plan->duration_ns && !*plan->stop ? next_ns : UINT64_MAX;
    }
}

static struct timespec wait_time(const struct client *client, uint64_t now_ns)
{
    uint64_t wait_ns = CLIENT_LOOK_NS;
    if (client->next_planned_ns != UINT64_MAX) {
        uint64_t due_ns = client->plan->start_ns + client->next_planned_ns;
        uint64_t until_ns = due_ns > now_ns ? due_ns - now_ns : 0;
        wait_ns = until_ns < wait_ns ? until_ns : wait_ns;
    }
    return (struct timespec){.tv_sec = 0, .tv_nsec = (long)wait_ns};
}

void client_run(struct client *client)
{
    struct epoll_event events[CLIENT_BATCH];
    const struct client_plan *plan = client->plan;
    for (size_t i = 0; plan->per_second == 0 && i < plan->connections; i++)
        plan_one(client, 0);
    for (;;) {
        uint64_t now_ns = tick_ns();
        plan_due(client, now_ns);
        hand_out(client);
        look_for_timeouts(client, now_ns);
        bool over = client->next_planned_ns == UINT64_MAX && client->open_jobs == 0;
        bool late = now_ns > plan->start_ns + plan->duration_ns + plan->timeout_ns;
        if (over || late || *plan->stop)
            break;
        struct timespec wait = wait_time(client, now_ns);
        int count = epoll_pwait2(client->epoll_fd, events, CLIENT_BATCH, &wait, NULL);
        for (int i = 0; i < count; i++)
            handle(client, events[i].data.ptr, events[i].events);
    }
    for (; client->backlog_count > 0; client->backlog_count--) {
        give_up(client, &client->backlog[client->backlog_first], TALLY_BACKLOG);
        client->backlog_first = (client->backlog_first + 1) % plan->max_backlog;
    }
}

static bool make_parts(struct client *client)
{
    const struct client_plan *plan = client->plan;
    size_t windows = plan->window_ns == 0 ? 0 : (size_t)(plan->duration_ns / plan->window_ns) + 1;
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->backlog = calloc(plan->max_backlog, sizeof(*client->backlog));
    client->buffer = malloc(CLIENT_READ_BYTES);
    bool made = client->epoll_fd >= 0 && client->backlog != NULL && client->buffer != NULL &&
                tally_init(&client->tally, windows) == STATUS_OK;
    for (size_t i = 0; made && i < plan->connections && plan->per_second == 0; i++) {
        client->conns[i].waits = calloc(1, sizeof(struct hist));
        made = client->conns[i].waits != NULL;
    }
    return made;
}

enum status client_new(const struct client_plan *plan, unsigned index, struct client **ret_client,
                       struct diag *reterr)
{
    size_t bytes;
    if (!num_mul(plan->connections, sizeof(struct conn), &bytes) ||
        !num_add(bytes, sizeof(struct client), &bytes))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the connections");
    struct client *client = calloc(1, bytes);
    if (client == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the connections");
    client->plan = plan;
    client->epoll_fd = -1;
    client->next_request = index;
    client->next_planned_ns = UINT64_MAX;
    for (size_t i = 0; i < plan->connections; i++)
        client->conns[i].fd = -1;
    if (!make_parts(client)) {
        client_free(client);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory or no descriptor for a thread");
    }
    if (plan->per_second > 0) {
        schedule_start(&client->schedule, plan->per_second, plan->poisson, plan->seed, index);
        client->next_planned_ns = schedule_next(&client->schedule);
    }
    *ret_client = client;
    return STATUS_OK;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < client->plan->connections; i++) {
        close_conn(client, &client->conns[i]);
        free(client->conns[i].waits);
    }
    if (client->epoll_fd >= 0)
        close(client->epoll_fd);
    tally_fini(&client->tally);
    free(client->backlog);
    free(client->buffer);
    free(client);
}

struct tally *client_tally(struct client *client)
{
    return &client->tally;
}

void client_connection(const struct client *client, size_t at, uint64_t *ret_count,
                       uint64_t *ret_worst_ns, uint64_t *ret_median_ns)
{
    const struct conn *conn = &client->conns[at];
    *ret_count = conn->count;
    *ret_worst_ns = conn->worst_ns;
    *ret_median_ns = conn->waits != NULL ? hist_quantile(conn->waits, 0.5) : 0;
}
