// The same handler behind a thread per connection: what bench_connections.py compares ctrd with.
// The HTTP library makes a thread for each connection; it checks the head, reads the body, scores
// and sends the reply itself. What ctrd has beside is what the comparison is about: I/O threads,
// the queue and the workers. Not shipped.
//
// Usage: bench_threads MODELDIR CONNECTIONS    prints its port, ends when its standard input does
#include "base/tick.h"
#include "server/intake.h"
#include "server/lifecycle.h"
#include "server/reply.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "tests/support/need.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BODY = 4 << 20, KEEP_BYTES = 64 << 20 };

static const struct serve_limits limits = {.max_body_bytes = MAX_BODY,
                                           .rank = {.max_candidates = 2000}};

struct bench {
    struct registry *registry;
    struct lifecycle *lifecycle;
    struct server_metrics metrics;
    struct slot_pool *slots;
    struct admit admit;
    struct observe observe;
    struct live live;
    unsigned readers;
    atomic_uint next_reader;
};

// Of a connection, and so of a thread.
struct client {
    struct serve serve;
    struct intake intake;
    struct trace_ids ids;
};

static struct client *client_new(struct bench *bench)
{
    struct client *client = calloc(1, sizeof(*client));
    unsigned reader = atomic_fetch_add(&bench->next_reader, 1);
    const struct diag diag = {.words = "more connections than were told"};
    if (client == NULL || reader >= bench->readers)
        need(STATUS_NO_MEMORY, &diag);
    struct metric_shard *shard = metric_shard(bench->metrics.set, reader);
    need(serve_init(&client->serve, &limits, bench->registry, reader, shard), &diag);
    trace_ids_init(&client->ids);
    client->intake = (struct intake){.planes = ROUTE_DATA,
                                     .max_body_bytes = MAX_BODY,
                                     .slots = bench->slots,
                                     .admit = &bench->admit,
                                     .observe = &bench->observe,
                                     .live = &bench->live,
                                     .shard = shard,
                                     .ids = &client->ids};
    return client;
}

static void watch(void *cls, struct MHD_Connection *connection, void **context,
                  enum MHD_ConnectionNotificationCode what)
{
    (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = client_new(cls);
        return;
    }
    struct client *client = *context;
    serve_fini(&client->serve);
    free(client);
}

static struct client *client_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    head_note(cls, name, span_of(value));
    return MHD_YES;
}

static struct slot *begin(struct client *client, struct MHD_Connection *connection,
                          const char *method, const char *path)
{
    struct head head;
    head_init(&head);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, &head);
    return intake_begin(&client->intake,
                        &(struct intake_head){.method = method, .path = path, .head = &head});
}

static enum MHD_Result answer(struct client *client, struct MHD_Connection *connection,
                              struct slot *slot)
{
    if (intake_end(&client->intake, slot, NULL)) {
        const struct serve_call call = {.body = slot->body.data,
                                        .size = slot->body_size,
                                        .gzip = slot->gzip,
                                        .arrival_ns = slot->arrival_ns,
                                        .deadline_ns = slot->deadline_ns,
                                        .facts = &slot->reply.facts};
        slot->reply.code = slot->route->serve(&client->serve, &call, &slot->reply.body);
        bool done = slot_move(slot, SLOT_READING, SLOT_DONE);
        assert(done);
        (void)done;
    }
    struct reply reply;
    reply_make(&reply, slot, client->intake.admit, false);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply.body.size, (void *)(uintptr_t)reply.body.data, MHD_RESPMEM_PERSISTENT);
    for (size_t i = 0; i < reply.count; i++)
        MHD_add_response_header(response, reply.headers[i].name, reply.headers[i].value);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)reply.http_status, response);
    MHD_destroy_response(response);
    server_metrics_answered(client->intake.shard, slot->route, reply.http_status);
    return result;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    (void)cls, (void)version;
    struct client *client = client_of(connection);
    struct slot *slot = *context;
    if (slot == NULL) {
        *context = begin(client, connection, method, path);
        return MHD_YES;
    }
    if (*size == 0)
        return answer(client, connection, slot);
    bool taken = intake_body(&client->intake, slot, data, *size);
    *size = 0;
    return taken ? MHD_YES : MHD_NO;
}

static void completed(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode how)
{
    (void)cls, (void)how;
    if (*context != NULL)
        intake_release(&client_of(connection)->intake, *context);
    *context = NULL;
}

static void set_up(struct bench *bench, const char *folder, struct lifecycle_plan *plan)
{
    struct diag diag = {0};
    struct lifecycle_parts parts = {.readers = bench->readers};
    const struct slot_limits slot_limits = {.max_body_bytes = MAX_BODY,
                                            .max_reply_bytes = serve_max_reply_bytes(&limits),
                                            .keep_bytes = KEEP_BYTES};
    need(kernels_choose("auto", &parts.kernels, &diag), &diag);
    need(lifecycle_plan_one(folder, "", plan, &diag), &diag);
    bench->registry = registry_new(bench->readers);
    need(lifecycle_start(bench->registry, plan, &parts, &bench->lifecycle, &diag), &diag);
    need(server_metrics_init(&bench->metrics, bench->readers), &diag);
    bench->slots = slot_pool_new(bench->readers, &slot_limits);
    admit_init(&bench->admit, SIZE_MAX, 1);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct lifecycle_plan plan;
    if (argc != 3)
        return 2;
    bench.readers = (unsigned)strtoul(argv[2], NULL, 10) + 64;
    set_up(&bench, argv[1], &plan);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle,
        &bench, MHD_OPTION_NOTIFY_CONNECTION, watch, &bench, MHD_OPTION_NOTIFY_COMPLETED, completed,
        &bench, MHD_OPTION_CONNECTION_LIMIT, bench.readers, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)(64 << 10), MHD_OPTION_END);
    if (daemon == NULL)
        return EXIT_FAILURE;
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    for (char byte; read(STDIN_FILENO, &byte, 1) > 0;)
        ;
    MHD_stop_daemon(daemon);
    lifecycle_plan_fini(&plan);
    lifecycle_stop(bench.lifecycle);
    lifecycle_free(bench.lifecycle);
    registry_free(bench.registry);
    slot_pool_free(bench.slots);
    admit_fini(&bench.admit);
    server_metrics_fini(&bench.metrics);
    return 0;
}
