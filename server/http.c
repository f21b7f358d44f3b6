#include "server/http.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/library_error.h"
#include "server/priority.h"
#include "server/reply.h"
#include "server/server_metrics.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    // For the request line and headers, reading and writing go through the same pool. head.h allows
    // half of it.
    HTTP_POOL_BYTES = 64 << 10,
    // The library counts a connection until after it has said that it is closed.
    HTTP_SPARE_CONNECTIONS = 16,
};

struct http {
    struct http_parts parts;
    struct trace_ids ids;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int wake_fd; // eventfd: a connection was resumed or has come, or it is the end
    atomic_bool ended;
    atomic_uint open; // connections
    _Atomic uint64_t turned_ns;
    // Of the I/O thread alone.
    bool begun; // the library has told of the connection that it was given
    bool ranks; // what it ended last it ranked itself
    pthread_mutex_t lock;
    size_t arrived;
    int arrivals[]; // (arrived <= parts.max_connections), sockets on their way to the I/O thread
};

static int connection_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static struct conn *conn_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void enter(const struct http *http, struct MHD_Connection *connection,
                  enum conns_phase phase)
{
    conns_enter(http->parts.conns, conn_of(connection), phase);
}

static void wake_io(struct http *http)
{
    eventfd_write(http->wake_fd, 1);
}

static void resume(struct http *http, struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
    wake_io(http); // only a loop of the library's own would hear of it
}

static void wake(struct slot *slot)
{
    resume(slot->http, slot->connection);
}

static enum MHD_Result send_reply(struct http *http, struct MHD_Connection *connection,
                                  struct slot *slot)
{
    const struct intake *intake = &http->parts.intake;
    struct reply reply;
    reply_make(&reply, slot, intake->admit,
               atomic_load_explicit(&intake->observe->draining, memory_order_relaxed));
    // The slot stays until the library has done with the reply; it only reads.
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply.body.size, (void *)(uintptr_t)reply.body.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    for (size_t i = 0; i < reply.count; i++)
        MHD_add_response_header(response, reply.headers[i].name, reply.headers[i].value);
    enter(http, connection, CONNS_WRITE);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply.http_status, response);
    MHD_destroy_response(response);
    if (result == MHD_YES)
        server_metrics_answered(intake->shard, slot->route, reply.http_status);
    return result;
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    head_note(cls, name, span_of(value));
    return MHD_YES;
}

static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection,
                             const char *method, const char *path, const char *version,
                             void **context)
{
    struct head head;
    head_init(&head);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, &head);
    struct slot *slot =
        intake_begin(&http->parts.intake, &(struct intake_head){
                                              .method = method,
                                              .path = path,
                                              .head = &head,
                                              .is_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0,
                                              .http = http,
                                              .connection = connection,
                                              .socket_fd = connection_socket(connection),
                                              .wake = wake,
                                          });
    *context = slot;
    if (slot_state(slot) == SLOT_DONE && slot->closes)
        return send_reply(http, connection, slot);
    enter(http, connection, CONNS_BODY);
    return MHD_YES;
}

static enum MHD_Result note_argument(void *cls, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    (void)kind;
    observe_argument(cls, name, value);
    return MHD_YES;
}

// Who ranks has long slices, as a worker has; who only reads and sends comes first.
static void note_work(struct http *http, bool ranks)
{
    if (http->ranks == ranks)
        return;
    http->ranks = ranks;
    if (ranks)
        priority_steady();
    else
        priority_prompt();
}

// The request is whole.
static enum MHD_Result end(struct http *http, struct MHD_Connection *connection, struct slot *slot)
{
    struct intake *intake = &http->parts.intake;
    struct observe_call call = {.reader = intake->reader, .openmetrics = slot->openmetrics};
    if (slot->route != NULL && slot->route->answer != NULL)
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, note_argument, &call);
    if (!intake_end(intake, slot, &call))
        return send_reply(http, connection, slot);
    note_work(http, intake_rank(intake, slot, http_open_count(http)));
    if (http->ranks)
        return send_reply(http, connection, slot);
    enter(http, connection, CONNS_WORK);
    MHD_suspend_connection(connection); // asleep before anybody can wake it
    if (!intake_queue(intake, slot))
        resume(http, connection);
    return MHD_YES;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    struct http *http = cls;
    struct slot *slot = *context;
    if (slot == NULL)
        return begin(http, connection, method, path, version, context);
    if (*size > 0) {
        bool taken = intake_body(&http->parts.intake, slot, data, *size);
        *size = 0;
        return taken ? MHD_YES : MHD_NO;
    }
    switch (slot_state(slot)) {
    case SLOT_READING:
        return end(http, connection, slot);
    case SLOT_DONE:
    case SLOT_EXPIRED:
        return send_reply(http, connection, slot);
    case SLOT_QUEUED:
    case SLOT_TAKEN:
        break;
    }
    return MHD_YES; // still asleep
}

// The reply is sent, or the connection lost: called once for every request that reached `handle`.
static void completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode how)
{
    struct http *http = cls;
    struct slot *slot = *context;
    if (slot == NULL)
        return;
    *context = NULL;
    if (http->parts.access != NULL)
        access_log(http->parts.access, slot, conns_peer(conn_of(connection)),
                   how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    intake_release(&http->parts.intake, slot);
    enter(http, connection, CONNS_HEAD);
}

static void watch(void *cls, struct MHD_Connection *connection, void **context,
                  enum MHD_ConnectionNotificationCode what)
{
    struct http *http = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        http->begun = true;
        *context = conns_add(http->parts.conns, connection_socket(connection));
    } else {
        conns_remove(http->parts.conns, *context);
        *context = NULL;
        atomic_fetch_sub_explicit(&http->open, 1, memory_order_relaxed);
    }
}

// Paths are compared as they were sent: "%2e" and friends name nothing here.
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls, (void)connection;
    return strlen(text);
}

static void log_library(void *cls, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
static void log_library(void *cls, const char *format, va_list arguments)
{
    (void)cls;
    char words[256];
    vsnprintf(words, sizeof(words), format, arguments);
    words[strcspn(words, "\r\n")] = '\0';
    LOG_EVENT(LOG_DEBUG, "http", LOG_S("words", words));
}

// ---- the I/O thread -----------------------------------------------------------------------------

// -1: none.
static int next_arrival(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    int socket_fd = http->arrived > 0 ? http->arrivals[--http->arrived] : -1;
    pthread_mutex_unlock(&http->lock);
    return socket_fd;
}

static void forget(struct http *http)
{
    conns_unreserve(http->parts.conns);
    atomic_fetch_sub_explicit(&http->open, 1, memory_order_relaxed);
}

static void begin_connection(struct http *http, int socket_fd)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC}; // conns.c asks the socket
    http->begun = false;
    // The library closes what it cannot take.
    if (MHD_add_connection(http->daemon, socket_fd, &nobody, sizeof(nobody)) != MHD_YES &&
        !http->begun)
        forget(http);
}

static int epoll_of(const struct http *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

// The library has a loop of its own, but that one waits again when it has got exactly as many
// events as it asks for at a time, 128, before it looks at any of them (MHD_epoll of 0.9.75;
// docs/decisions/0013-own-loop.md). It never waits here.
static void *run(void *argument)
{
    struct http *http = argument;
    struct pollfd probes[] = {{.fd = http->wake_fd, .events = POLLIN},
                              {.fd = epoll_of(http), .events = POLLIN}};
    priority_prompt();
    library_error_count(http->parts.intake.shard);
    while (!atomic_load_explicit(&http->ended, memory_order_acquire)) {
        MHD_UNSIGNED_LONG_LONG timeout_ms; // there are none but 0: something is left to do
        eventfd_t ignored;
        atomic_store_explicit(&http->turned_ns, tick_ns(), memory_order_relaxed);
        if (MHD_get_timeout(http->daemon, &timeout_ms) != MHD_YES &&
            poll(probes, 2, HTTP_IDLE_MS) > 0 && probes[0].revents != 0)
            (void)eventfd_read(http->wake_fd, &ignored); // first: what it tells is done below
        for (int socket_fd; (socket_fd = next_arrival(http)) >= 0;)
            begin_connection(http, socket_fd);
        MHD_run(http->daemon);
    }
    return NULL;
}

// ---- start and end ------------------------------------------------------------------------------

static struct MHD_Daemon *start_library(struct http *http)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_CONNECTION_LIMIT, http->parts.max_connections + HTTP_SPARE_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
        completed, http, MHD_OPTION_NOTIFY_CONNECTION, watch, http, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_END);
}

static void free_http(struct http *http)
{
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    if (http->wake_fd >= 0)
        close(http->wake_fd);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

enum status http_start(const struct http_parts *parts, struct http **ret_http, struct diag *reterr)
{
    struct http *http =
        calloc(1, sizeof(*http) + parts->max_connections * sizeof(http->arrivals[0]));
    if (http == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the HTTP server");
    http->parts = *parts;
    atomic_init(&http->turned_ns, tick_ns());
    http->parts.intake.ids = &http->ids;
    trace_ids_init(&http->ids);
    pthread_mutex_init(&http->lock, NULL);
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    http->daemon = start_library(http);
    if (http->wake_fd < 0 || http->daemon == NULL ||
        pthread_create(&http->thread, NULL, run, http) != 0) {
        free_http(http);
        return diag_set(reterr, STATUS_IO, "the HTTP server cannot be started");
    }
    *ret_http = http;
    return STATUS_OK;
}

void http_take(struct http *http, int socket_fd)
{
    atomic_fetch_add_explicit(&http->open, 1, memory_order_relaxed);
    pthread_mutex_lock(&http->lock);
    http->arrivals[http->arrived++] = socket_fd;
    pthread_mutex_unlock(&http->lock);
    wake_io(http);
}

uint64_t http_turned_ns(const struct http *http)
{
    return atomic_load_explicit(&http->turned_ns, memory_order_relaxed);
}

unsigned http_open_count(const struct http *http)
{
    return atomic_load_explicit(&http->open, memory_order_relaxed);
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    atomic_store_explicit(&http->ended, true, memory_order_release);
    wake_io(http);
    pthread_join(http->thread, NULL);
    for (int socket_fd; (socket_fd = next_arrival(http)) >= 0;) {
        close(socket_fd);
        forget(http);
    }
    free_http(http);
}
