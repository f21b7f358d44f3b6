#include "server/http.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/priority.h"
#include "server/reply.h"
#include "server/server_metrics.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    atomic_uint open; // connections
    bool prompt;      // the I/O thread has told the kernel how it works; I/O thread only
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

static void wake(struct slot *slot)
{
    MHD_resume_connection(slot->connection);
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

// The request is whole.
static enum MHD_Result end(struct http *http, struct MHD_Connection *connection, struct slot *slot)
{
    struct intake *intake = &http->parts.intake;
    struct observe_call call = {.reader = intake->reader, .openmetrics = slot->openmetrics};
    if (slot->route != NULL && slot->route->answer != NULL)
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, note_argument, &call);
    if (!intake_end(intake, slot, &call) || intake_rank(intake, slot, http_open_count(http)))
        return send_reply(http, connection, slot);
    enter(http, connection, CONNS_WORK);
    MHD_suspend_connection(connection); // asleep before anybody can wake it
    if (!intake_queue(intake, slot))
        MHD_resume_connection(connection);
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
        access_log(http->parts.access, slot, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    intake_release(&http->parts.intake, slot);
    enter(http, connection, CONNS_HEAD);
}

static void watch(void *cls, struct MHD_Connection *connection, void **context,
                  enum MHD_ConnectionNotificationCode what)
{
    struct http *http = cls;
    if (!http->prompt)
        priority_prompt();
    http->prompt = true;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
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

enum status http_start(const struct http_parts *parts, struct http **ret_http, struct diag *reterr)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the HTTP server");
    http->parts = *parts;
    http->parts.intake.ids = &http->ids;
    trace_ids_init(&http->ids);
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
            MHD_USE_ERROR_LOG,
        0, NULL, NULL, handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
        MHD_OPTION_CONNECTION_LIMIT, parts->max_connections + HTTP_SPARE_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
        completed, http, MHD_OPTION_NOTIFY_CONNECTION, watch, http, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_END);
    if (http->daemon == NULL) {
        free(http);
        return diag_set(reterr, STATUS_IO, "the HTTP server cannot be started");
    }
    *ret_http = http;
    return STATUS_OK;
}

bool http_take(struct http *http, int socket_fd, const struct sockaddr *address,
               socklen_t address_size)
{
    atomic_fetch_add_explicit(&http->open, 1, memory_order_relaxed);
    if (MHD_add_connection(http->daemon, socket_fd, address, address_size) == MHD_YES)
        return true;
    atomic_fetch_sub_explicit(&http->open, 1, memory_order_relaxed);
    return false;
}

unsigned http_open_count(const struct http *http)
{
    return atomic_load_explicit(&http->open, memory_order_relaxed);
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
