#include "server/http.h"

#include "base/log.h"
#include "base/tick.h"
#include "proto/json_read.h"
#include "proto/rank.h"
#include "server/hangup.h"
#include "server/head.h"
#include "server/route.h"
#include "server/server_metrics.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    // For the request line and headers; reading goes through the same pool.
    HTTP_POOL_BYTES = 64 << 10,
    // A chunked body over the limit is read and forgotten up to this many times the limit, so that
    // its client can be told; what goes on beyond is cut off.
    HTTP_DISCARD_FACTOR = 4,
};

struct http {
    struct http_parts parts;
    struct MHD_Daemon *daemon;
    struct hangup *hangup;
    struct buf text; // reply being made; I/O thread only
    int quiet_fd;    // the listening socket, once it is ours again; else -1
};

// An answer that the connection shall not outlive.
enum http_after { HTTP_KEEP, HTTP_CLOSE };

// Queues the response, of a body that stays where it is or is copied.
static enum MHD_Result send_whole(struct http *http, struct MHD_Connection *connection,
                                  const struct route *route, enum status code,
                                  const struct buf *body, enum MHD_ResponseMemoryMode memory,
                                  enum http_after after)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(body->size, body->data, memory);
    if (response == NULL)
        return MHD_NO;
    bool json = code != STATUS_OK || route == NULL;
    MHD_add_response_header(response, "Content-Type",
                            json ? "application/json" : route_content_type(route));
    if (code == STATUS_BAD_METHOD)
        MHD_add_response_header(response, "Allow", route_allow(route));
    if (code == STATUS_OVERLOADED)
        MHD_add_response_header(response, "Retry-After", "1");
    if (after == HTTP_CLOSE ||
        atomic_load_explicit(&http->parts.observe->draining, memory_order_relaxed))
        MHD_add_response_header(response, "Connection", "close");
    int http_status = status_http(code);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)http_status, response);
    MHD_destroy_response(response);
    if (result == MHD_YES)
        server_metrics_answered(http->parts.shard, route, http_status);
    return result;
}

// A body that there was no memory for is nowhere sent in part.
static enum MHD_Result send_body(struct http *http, struct MHD_Connection *connection,
                                 const struct route *route, enum status code,
                                 const struct buf *body, enum MHD_ResponseMemoryMode memory,
                                 enum http_after after)
{
    if (buf_status(body) == STATUS_OK)
        return send_whole(http, connection, route, code, body, memory, after);
    char words[] = "{\"error\":\"out of memory\"}";
    const struct buf prepared = {.data = words, .size = sizeof(words) - 1};
    return send_whole(http, connection, route, STATUS_NO_MEMORY, &prepared, MHD_RESPMEM_MUST_COPY,
                      after);
}

// Before the end of the request or after a body that was too much: the connection ends with it.
static enum MHD_Result send_error(struct http *http, struct MHD_Connection *connection,
                                  const struct route *route, const struct diag *diag,
                                  enum status code)
{
    buf_clear(&http->text);
    rank_encode_error(diag, code, &http->text);
    return send_body(http, connection, route, code, &http->text, MHD_RESPMEM_MUST_COPY, HTTP_CLOSE);
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    head_note(cls, name, span_of(value));
    return MHD_YES;
}

static int connection_socket(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

// Makes the slot's answer a fault, before any worker has seen it.
static void fail(struct slot *slot, const struct diag *diag, enum status code)
{
    slot->outcome = code;
    rank_encode_error(diag, code, &slot->reply);
    atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_relaxed);
}

static enum MHD_Result answer_observe(struct http *http, struct MHD_Connection *connection,
                                      const struct route *route)
{
    buf_clear(&http->text);
    enum status code = route->answer(http->parts.observe, &http->text);
    return send_body(http, connection, route, code, &http->text, MHD_RESPMEM_MUST_COPY, HTTP_KEEP);
}

// Which row answers, or why none does. `*ret_route` is set for a known path.
static enum status look_up(const struct http *http, const char *path, const char *method,
                           const struct head *head, const struct route **ret_route,
                           struct diag *reterr)
{
    enum status code = route_find(method, path, ret_route);
    enum route_plane plane = code == STATUS_OK ? (*ret_route)->plane : ROUTE_OBSERVE;
    TRY(head_check(head, plane, http->parts.max_body_bytes, reterr));
    if (code == STATUS_NOT_FOUND)
        return diag_set(reterr, code, "there is no such path");
    if (code == STATUS_BAD_METHOD)
        return diag_set(reterr, code, "the method is not allowed here, expected %s",
                        route_allow(*ret_route));
    if (plane == ROUTE_OBSERVE && head_has_body(head))
        return diag_set(reterr, STATUS_INVALID, "this path takes no body");
    return STATUS_OK;
}

static bool framing_is_clear(const struct head *head)
{
    struct diag ignored;
    return head_check(head, ROUTE_OBSERVE, SIZE_MAX, &ignored) == STATUS_OK;
}

// The head has been read. What is wrong with a body to come, or with how its end is told, is
// answered at once and ends the connection, because the body is not read. Everything else waits for
// the end of the request: the library ends a connection that is answered before.
static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, const char *path,
                             const char *method, void **context)
{
    struct head head;
    head_init(&head);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, &head);
    const struct route *route = NULL;
    struct diag diag = {0};
    enum status code = look_up(http, path, method, &head, &route, &diag);
    if (code == STATUS_TOO_LARGE)
        server_metrics_shed(http->parts.shard, SERVER_METRICS_BODY_TOO_LARGE);
    if (code != STATUS_OK && (head_has_body(&head) || !framing_is_clear(&head)))
        return send_error(http, connection, route, &diag, code);
    struct slot *slot = slot_take(http->parts.slots);
    assert(slot != NULL); // there are as many as connections and workers
    slot->route = route;
    slot->connection = connection;
    slot->socket_fd = connection_socket(connection);
    slot->arrival_ns = tick_ns();
    if (head.timeout_us != 0)
        slot->deadline_ns = slot->arrival_ns + head.timeout_us * 1000;
    if (code != STATUS_OK)
        fail(slot, &diag, code);
    *context = slot;
    return MHD_YES;
}

// A piece of the body. Over the limit it is read on and forgotten: the library takes an answer only
// when the body has ended.
static enum MHD_Result take_body(struct http *http, struct slot *slot, const char *data,
                                 size_t *size)
{
    size_t limit = http->parts.max_body_bytes;
    if (slot->discarded > 0 || *size > limit - slot->body.size) {
        slot->discarded += *size;
        if (slot->discarded / HTTP_DISCARD_FACTOR > limit) {
            server_metrics_shed(http->parts.shard, SERVER_METRICS_BODY_TOO_LARGE);
            return MHD_NO;
        }
    } else {
        buf_append(&slot->body, data, *size);
    }
    *size = 0;
    return MHD_YES;
}

// Gives the slot to the workers, or says why not.
static enum MHD_Result enqueue(struct http *http, struct MHD_Connection *connection,
                               struct slot *slot)
{
    struct diag diag;
    if (slot->discarded > 0) {
        server_metrics_shed(http->parts.shard, SERVER_METRICS_BODY_TOO_LARGE);
        diag_set(&diag, STATUS_TOO_LARGE, "the body has more than %zu bytes",
                 http->parts.max_body_bytes);
        return send_error(http, connection, slot->route, &diag, STATUS_TOO_LARGE);
    }
    if (slot_seal(slot) != STATUS_OK) {
        diag_set(&diag, STATUS_NO_MEMORY, "no memory for the body");
        return send_error(http, connection, slot->route, &diag, STATUS_NO_MEMORY);
    }
    slot->queued_ns = tick_ns();
    slot_share(slot);
    bool moved = slot_move(slot, SLOT_READING, SLOT_QUEUED);
    assert(moved);
    // Asleep before a worker can wake it.
    MHD_suspend_connection(connection);
    if (queue_put(http->parts.queue, slot))
        return MHD_YES;
    bool draining = atomic_load_explicit(&http->parts.observe->draining, memory_order_acquire);
    server_metrics_shed(http->parts.shard,
                        draining ? SERVER_METRICS_DRAINING : SERVER_METRICS_QUEUE_FULL);
    enum status code = diag_set(&diag, draining ? STATUS_UNAVAILABLE : STATUS_OVERLOADED,
                                draining ? "shutting down" : "the queue is full, try again later");
    fail(slot, &diag, code);
    slot_release(http->parts.slots, slot);
    MHD_resume_connection(connection);
    return MHD_YES;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    (void)version;
    struct http *http = cls;
    struct slot *slot = *context;
    if (slot == NULL) {
        atomic_fetch_add_explicit(&http->parts.observe->inflight, 1, memory_order_relaxed);
        return begin(http, connection, path, method, context);
    }
    if (*size > 0)
        return take_body(http, slot, data, size);
    switch (slot_state(slot)) {
    case SLOT_READING:
        if (slot->route->plane == ROUTE_OBSERVE)
            return answer_observe(http, connection, slot->route);
        return enqueue(http, connection, slot);
    case SLOT_DONE:
        return send_body(http, connection, slot->route, slot->outcome, &slot->reply,
                         MHD_RESPMEM_PERSISTENT, HTTP_KEEP);
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
    (void)connection, (void)how;
    struct http *http = cls;
    if (*context != NULL)
        slot_release(http->parts.slots, *context);
    *context = NULL;
    atomic_fetch_sub_explicit(&http->parts.observe->inflight, 1, memory_order_release);
}

static void watch(void *cls, struct MHD_Connection *connection, void **context,
                  enum MHD_ConnectionNotificationCode what)
{
    (void)context;
    const struct http *http = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        hangup_add(http->hangup, connection_socket(connection));
    else
        hangup_remove(http->hangup, connection_socket(connection));
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

static enum status start_library(struct http *http, struct diag *reterr)
{
    const struct http_parts *parts = &http->parts;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET,
        parts->listen_fd, MHD_OPTION_CONNECTION_LIMIT, parts->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, parts->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_POOL_BYTES, MHD_OPTION_NOTIFY_COMPLETED, completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, watch, http, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    return http->daemon != NULL ? STATUS_OK
                                : diag_set(reterr, STATUS_IO, "the HTTP server cannot be started");
}

enum status http_start(const struct http_parts *parts, struct http **ret_http, struct diag *reterr)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the HTTP server");
    http->parts = *parts;
    http->quiet_fd = -1;
    buf_init(&http->text, 1 << 20);
    enum status code = hangup_start(&http->hangup, reterr);
    if (code == STATUS_OK)
        code = start_library(http, reterr);
    if (code != STATUS_OK) {
        hangup_stop(http->hangup);
        free(http);
        return code;
    }
    *ret_http = http;
    return STATUS_OK;
}

void http_wake(struct slot *slot)
{
    MHD_resume_connection(slot->connection);
}

// Shut, not closed: the I/O thread may still be about to use the number.
void http_quiesce(struct http *http)
{
    if (http->quiet_fd >= 0)
        return;
    http->quiet_fd = MHD_quiesce_daemon(http->daemon);
    if (http->quiet_fd >= 0)
        shutdown(http->quiet_fd, SHUT_RD);
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    http_quiesce(http);
    MHD_stop_daemon(http->daemon);
    hangup_stop(http->hangup);
    if (http->quiet_fd >= 0)
        close(http->quiet_fd);
    buf_fini(&http->text);
    free(http);
}
