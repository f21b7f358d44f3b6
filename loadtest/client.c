#include "loadtest/client.h"

#include "base/num.h"
#include "base/tick.h"
#include "loadtest/conn.h"
#include "loadtest/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT_BATCH = 256, CLIENT_READ_BYTES = 64 << 10, CLIENT_LOOK_NS = 10000000 };

struct client {
    const struct client_plan *plan;
    struct tally tally;
    struct schedule schedule;
    uint64_t next_planned_ns; // UINT64_MAX: no more
    size_t next_request;
    size_t open_jobs; // planned and neither answered nor given up
    size_t owed;      // closed loop: to be planned at the next look, after an error
    struct backlog backlog;
    struct conn_pool pool;
    size_t connecting; // for the backlog: without those that hold a job
    uint64_t looked_ns;
    char *buffer;
    size_t conn_count;
    struct conn conns[];
};

static bool stopped(const struct client *client)
{
    return __atomic_load_n(client->plan->stop, __ATOMIC_RELAXED);
}

static bool is_closed_loop(const struct client *client)
{
    return client->plan->per_second == 0;
}

// Whether requests are still to be planned.
static bool goes_on(const struct client *client, uint64_t now_ns)
{
    if (!is_closed_loop(client))
        return client->next_planned_ns != UINT64_MAX;
    return now_ns < client->plan->start_ns + client->plan->duration_ns && !stopped(client);
}

static size_t window_of(const struct client *client, uint64_t planned_ns)
{
    uint64_t width = client->plan->window_ns;
    return width == 0 ? SIZE_MAX : (size_t)(planned_ns / width);
}

// Requests of the warm-up are sent, and not counted.
static bool counts(const struct client *client, const struct backlog_job *job)
{
    return job->planned_ns >= client->plan->warmup_ns;
}

// In a closed loop another is planned in its place, at the next look: a server that refuses all is
// not asked as fast as the processor goes.
static void give_up(struct client *client, const struct backlog_job *job, enum tally_error error)
{
    client->open_jobs--;
    client->owed += is_closed_loop(client);
    if (counts(client, job))
        tally_error(&client->tally, window_of(client, job->planned_ns), error);
}

// The run was interrupted: nothing is known of this request, so it was never planned.
static void forget(struct client *client, const struct backlog_job *job)
{
    size_t window = window_of(client, job->planned_ns);
    client->open_jobs--;
    if (!counts(client, job))
        return;
    client->tally.planned--;
    if (window < client->tally.window_count)
        client->tally.windows[window].planned--;
}

// False: the connection is broken.
static bool send_request(struct client *client, struct conn *conn)
{
    return conn_send(&client->pool, conn, client->plan->requests[conn->job.request]);
}

// The connection has ended under a request; a stale one is sent again on a new connection.
static void lose(struct client *client, struct conn *conn, enum tally_error error)
{
    struct backlog_job job = conn->job;
    bool stale = client->plan->retry_stale && conn->kept && !conn->response.begun && !job.again &&
                 error == TALLY_RESET;
    conn_close(&client->pool, conn);
    if (!stale) {
        give_up(client, &job, error);
        return;
    }
    client->tally.retried += counts(client, &job);
    job.again = true;
    struct conn *fresh = conn_open(&client->pool);
    if (fresh == NULL) {
        give_up(client, &job, TALLY_CONNECT);
        return;
    }
    fresh->holds = true;
    fresh->job = job;
}

static void give(struct client *client, struct conn *conn, const struct backlog_job *job)
{
    conn->state = CONN_BUSY;
    conn->job = *job;
    conn->written = 0;
    conn->since_ns = tick_ns();
    response_start(&conn->response, client->plan->bodiless);
    uint64_t due_ns = client->plan->start_ns + job->planned_ns;
    if (counts(client, job) && !job->again) {
        client->tally.sent++;
        hist_add(&client->tally.waited, conn->since_ns > due_ns ? conn->since_ns - due_ns : 0);
    }
    if (!send_request(client, conn))
        lose(client, conn, TALLY_RESET);
}

// Gives waiting requests to idle connections, and opens one for each that finds none.
static void hand_out(struct client *client)
{
    while (client->backlog.count > 0 && client->pool.idle != NULL) {
        struct conn *conn = conn_take_idle(&client->pool);
        struct backlog_job job = backlog_take(&client->backlog);
        give(client, conn, &job);
    }
    while (client->backlog.count > client->connecting && client->pool.closed != NULL) {
        if (conn_open(&client->pool) != NULL) {
            client->connecting++;
            continue;
        }
        struct backlog_job job = backlog_take(&client->backlog);
        give_up(client, &job, TALLY_CONNECT);
    }
}

// ---- requests --------------------------------------------------------------------------------

static void plan_one(struct client *client, uint64_t planned_ns)
{
    struct backlog_job job = {.planned_ns = planned_ns,
                              .request = client->next_request++ % client->plan->request_count};
    client->open_jobs++;
    if (counts(client, &job)) {
        size_t window = window_of(client, planned_ns);
        client->tally.planned++;
        if (window < client->tally.window_count)
            client->tally.windows[window].planned++;
    }
    if (!backlog_put(&client->backlog, &job))
        give_up(client, &job, TALLY_BACKLOG);
}

static void count_answer(struct client *client, struct conn *conn, uint64_t latency_ns)
{
    int status = conn->response.status;
    tally_answer(&client->tally, window_of(client, conn->job.planned_ns), status, latency_ns,
                 client->plan->deadline_ns);
    client->tally.retry_after += conn->response.retry_after && (status == 429 || status == 503);
    conn->count++;
    conn->worst_ns = latency_ns > conn->worst_ns ? latency_ns : conn->worst_ns;
    if (conn->waits != NULL)
        hist_add(conn->waits, latency_ns);
}

static void answered(struct client *client, struct conn *conn)
{
    const struct client_plan *plan = client->plan;
    uint64_t now_ns = tick_ns();
    client->open_jobs--;
    conn->kept = true;
    if (counts(client, &conn->job))
        count_answer(client, conn, now_ns - plan->start_ns - conn->job.planned_ns);
    // An answer that came before the whole request was sent leaves a connection of no use.
    if (conn->response.closes || conn->written < plan->requests[conn->job.request].size)
        conn_close(&client->pool, conn);
    else
        conn_put_idle(&client->pool, conn);
    if (is_closed_loop(client) && goes_on(client, now_ns))
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
        struct response *response = &conn->response;
        size_t used = response_take(response, client->buffer, (size_t)got);
        if (response->state == RESPONSE_DONE && used == (size_t)got) {
            answered(client, conn);
            return;
        }
        if (response->state == RESPONSE_MALFORMED || response->state == RESPONSE_DONE) {
            if (client->tally.fault == NULL)
                client->tally.fault =
                    response->fault != NULL ? response->fault : "bytes after the answer";
            lose(client, conn, TALLY_MALFORMED);
            return;
        }
    }
}

static void not_connected(struct client *client, struct conn *conn)
{
    struct backlog_job job = conn->job;
    bool holds = conn->holds;
    conn_close(&client->pool, conn);
    client->connecting -= !holds;
    if (!holds && client->backlog.count == 0)
        return;
    if (!holds)
        job = backlog_take(&client->backlog);
    give_up(client, &job, TALLY_CONNECT);
}

static void connected(struct client *client, struct conn *conn)
{
    if (!conn_is_made(&client->pool, conn)) {
        not_connected(client, conn);
        return;
    }
    if (conn->holds) {
        struct backlog_job job = conn->job;
        conn->holds = false;
        give(client, conn, &job);
        return;
    }
    client->connecting--;
    conn_put_idle(&client->pool, conn);
}

static void handle(struct client *client, struct conn *conn, uint32_t events)
{
    if (conn->state == CONN_CONNECTING) {
        connected(client, conn);
    } else if (conn->state == CONN_IDLE) { // the server has closed it, or talks unasked
        conn_forget_idle(&client->pool, conn);
        conn_close(&client->pool, conn);
    } else if (conn->state == CONN_BUSY) {
        // What has come is read first: it may be why there is no more room to write.
        if ((events & ~(uint32_t)EPOLLOUT) != 0)
            receive(client, conn);
        else if (!send_request(client, conn))
            lose(client, conn, TALLY_RESET);
    }
}

// ---- the run ---------------------------------------------------------------------------------

static void look(struct client *client, uint64_t now_ns)
{
    if (now_ns - client->looked_ns < CLIENT_LOOK_NS)
        return;
    client->looked_ns = now_ns;
    for (size_t i = 0; i < client->conn_count; i++) {
        struct conn *conn = &client->conns[i];
        if (now_ns <= conn->since_ns + client->plan->timeout_ns)
            continue;
        if (conn->state == CONN_BUSY)
            lose(client, conn, TALLY_TIMEOUT);
        else if (conn->state == CONN_CONNECTING)
            not_connected(client, conn);
    }
    for (; client->owed > 0; client->owed--)
        if (is_closed_loop(client) && goes_on(client, now_ns))
            plan_one(client, now_ns - client->plan->start_ns);
}

static void plan_due(struct client *client, uint64_t now_ns)
{
    const struct client_plan *plan = client->plan;
    while (client->next_planned_ns != UINT64_MAX &&
           plan->start_ns + client->next_planned_ns <= now_ns) {
        uint64_t due_ns = plan->start_ns + client->next_planned_ns;
        if (client->next_planned_ns >= plan->warmup_ns)
            hist_add(&client->tally.lateness, tick_ns() - due_ns);
        plan_one(client, client->next_planned_ns);
        hand_out(client);
        uint64_t next_ns = schedule_next(&client->schedule);
        client->next_planned_ns =
            next_ns < plan->duration_ns && !stopped(client) ? next_ns : UINT64_MAX;
    }
    if (stopped(client))
        client->next_planned_ns = UINT64_MAX;
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

static void wait_for_start(const struct client *client)
{
    const uint64_t second_ns = 1000000000, start_ns = client->plan->start_ns;
    const struct timespec start = {.tv_sec = (time_t)(start_ns / second_ns),
                                   .tv_nsec = (long)(start_ns % second_ns)};
    while (tick_ns() < start_ns && !stopped(client))
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &start, NULL);
}

// Every request that was planned ends up in a sum: those that are left were waiting too long, or
// the run was interrupted.
static void settle(struct client *client)
{
    bool interrupted = stopped(client);
    for (size_t i = 0; i < client->conn_count; i++) {
        struct conn *conn = &client->conns[i];
        bool has_job = conn->state == CONN_BUSY || (conn->state == CONN_CONNECTING && conn->holds);
        if (has_job && interrupted)
            forget(client, &conn->job);
        else if (has_job)
            give_up(client, &conn->job, TALLY_TIMEOUT);
    }
    while (client->backlog.count > 0) {
        struct backlog_job job = backlog_take(&client->backlog);
        if (interrupted)
            forget(client, &job);
        else
            give_up(client, &job, TALLY_BACKLOG);
    }
}

void client_run(struct client *client)
{
    struct epoll_event events[CLIENT_BATCH];
    const struct client_plan *plan = client->plan;
    // Else the kernel may wake it 50 us late, which would be in every latency.
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    wait_for_start(client);
    for (size_t i = 0; is_closed_loop(client) && i < client->conn_count; i++)
        plan_one(client, tick_ns() - plan->start_ns);
    for (;;) {
        uint64_t now_ns = tick_ns();
        plan_due(client, now_ns);
        look(client, now_ns);
        hand_out(client);
        bool over = !goes_on(client, now_ns) && client->open_jobs == 0;
        bool late = now_ns > plan->start_ns + plan->duration_ns + plan->timeout_ns;
        if (over || late || stopped(client))
            break;
        struct timespec wait = wait_time(client, now_ns);
        int count = epoll_pwait2(client->pool.epoll_fd, events, CLIENT_BATCH, &wait, NULL);
        for (int i = 0; i < count; i++)
            handle(client, events[i].data.ptr, events[i].events);
    }
    settle(client);
}

// The part of thread `index` of a total, the rest one by one to the first.
static size_t share(size_t total, size_t threads, unsigned index)
{
    return total / threads + (index < total % threads);
}

static bool make_parts(struct client *client, unsigned index)
{
    const struct client_plan *plan = client->plan;
    size_t windows = plan->window_ns == 0 ? 0 : (size_t)(plan->duration_ns / plan->window_ns) + 1;
    size_t waiting = share(plan->max_backlog, plan->threads, index);
    if (waiting == 0 || (is_closed_loop(client) && waiting < client->conn_count))
        waiting = client->conn_count; // every connection of a closed loop has one
    client->pool.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->buffer = malloc(CLIENT_READ_BYTES);
    bool made = client->pool.epoll_fd >= 0 && client->buffer != NULL &&
                backlog_init(&client->backlog, waiting) == STATUS_OK &&
                tally_init(&client->tally, windows) == STATUS_OK;
    for (size_t i = 0; made && i < client->conn_count && is_closed_loop(client); i++) {
        client->conns[i].waits = calloc(1, sizeof(struct hist));
        made = client->conns[i].waits != NULL;
    }
    return made;
}

enum status client_new(const struct client_plan *plan, unsigned index, struct client **ret_client,
                       struct diag *reterr)
{
    size_t bytes, count = share(plan->connections, plan->threads, index);
    if (!num_mul(count, sizeof(struct conn), &bytes) ||
        !num_add(bytes, sizeof(struct client), &bytes))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the connections");
    struct client *client = calloc(1, bytes);
    if (client == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the connections");
    client->plan = plan;
    client->pool = (struct conn_pool){
        .epoll_fd = -1, .address = &plan->address, .address_size = plan->address_size};
    client->next_request = index;
    client->next_planned_ns = UINT64_MAX;
    client->conn_count = count;
    for (size_t i = count; i > 0; i--) {
        client->conns[i - 1].fd = -1;
        client->conns[i - 1].next = client->pool.closed;
        client->pool.closed = &client->conns[i - 1];
    }
    if (!make_parts(client, index)) {
        client_free(client);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory or no descriptor for a thread");
    }
    if (!is_closed_loop(client)) {
        schedule_start(&client->schedule, plan->per_second, plan->poisson, plan->seed, index);
        uint64_t first_ns = schedule_next(&client->schedule);
        client->next_planned_ns = first_ns < plan->duration_ns ? first_ns : UINT64_MAX;
    }
    *ret_client = client;
    return STATUS_OK;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < client->conn_count; i++) {
        if (client->conns[i].fd >= 0)
            close(client->conns[i].fd);
        free(client->conns[i].waits);
    }
    if (client->pool.epoll_fd >= 0)
        close(client->pool.epoll_fd);
    tally_fini(&client->tally);
    backlog_fini(&client->backlog);
    free(client->buffer);
    free(client);
}

struct tally *client_tally(struct client *client)
{
    return &client->tally;
}

size_t client_connections(const struct client *client)
{
    return client->conn_count;
}

void client_connection(const struct client *client, size_t at, uint64_t *ret_count,
                       uint64_t *ret_worst_ns, uint64_t *ret_median_ns)
{
    const struct conn *conn = &client->conns[at];
    *ret_count = conn->count;
    *ret_worst_ns = conn->worst_ns;
    *ret_median_ns = conn->waits != NULL ? hist_quantile(conn->waits, 0.5) : 0;
}
