// The same handler behind a thread per connection: what bench_connections.py compares ctrd with.
// The HTTP library makes a thread for each connection; it reads the body and calls serve_rank
// itself, with memory of its own. Not shipped.
//
// Usage: bench_threads MODELDIR CONNECTIONS    prints its port, ends when its standard input does
#include "base/tick.h"
#include "server/lifecycle.h"
#include "server/serve.h"
#include "server/server_metrics.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BODY = 4 << 20 };

static const struct serve_limits limits = {.max_body_bytes = MAX_BODY,
                                           .rank = {.max_candidates = 2000}};

struct bench {
    struct registry *registry;
    struct lifecycle *lifecycle;
    struct server_metrics metrics;
    unsigned readers;
    atomic_uint next_reader;
};

// Of a connection, and so of a thread.
struct client {
    struct serve serve;
    struct buf body, reply;
};

static void need(enum status code, const struct diag *diag)
{
    char text[1024];
    if (code == STATUS_OK)
        return;
    fprintf(stderr, "bench_threads: %s\n", diag_format(diag, text, sizeof(text)));
    exit(EXIT_FAILURE);
}

static void connected(void *cls, struct MHD_Connection *connection, void **context,
                      enum MHD_ConnectionNotificationCode what)
{
    struct bench *bench = cls;
    (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        struct client *client = calloc(1, sizeof(*client));
        unsigned reader = atomic_fetch_add(&bench->next_reader, 1);
        const struct diag diag = {.words = "more connections than were told"};
        if (client == NULL || reader >= bench->readers)
            need(STATUS_NO_MEMORY, &diag);
        need(serve_init(&client->serve, &limits, bench->registry, reader,
                        metric_shard(bench->metrics.set, reader)),
             &diag);
        buf_init(&client->body, MAX_BODY + JSON_READ_PADDING);
        buf_init(&client->reply, serve_max_reply_bytes(&limits));
        *context = client;
        return;
    }
    struct client *client = *context;
    serve_fini(&client->serve);
    buf_fini(&client->body);
    buf_fini(&client->reply);
    free(client);
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct client *client)
{
    static const char zeros[JSON_READ_PADDING];
    size_t size = client->body.size;
    struct serve_facts facts = {.version = 0};
    buf_append(&client->body, zeros, sizeof(zeros));
    const struct serve_call call = {
        .body = client->body.data, .size = size, .arrival_ns = tick_ns(), .facts = &facts};
    buf_clear(&client->reply);
    enum status code = serve_rank(&client->serve, &call, &client->reply);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        client->reply.size, client->reply.data, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status_http(code), response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    (void)cls, (void)path, (void)method, (void)version;
    struct client *client =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (*context == NULL) {
        *context = client;
        buf_clear(&client->body);
        return MHD_YES;
    }
    if (*size == 0)
        return answer(connection, client);
    buf_append(&client->body, data, *size);
    *size = 0;
    return MHD_YES;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct diag diag = {0};
    struct lifecycle_plan plan;
    if (argc != 3)
        return 2;
    bench.readers = (unsigned)strtoul(argv[2], NULL, 10) + 64;
    struct lifecycle_parts parts = {.readers = bench.readers};
    need(kernels_choose("auto", &parts.kernels, &diag), &diag);
    need(lifecycle_plan_one(argv[1], "", &plan, &diag), &diag);
    bench.registry = registry_new(bench.readers);
    need(lifecycle_start(bench.registry, &plan, &parts, &bench.lifecycle, &diag), &diag);
    need(server_metrics_init(&bench.metrics, bench.readers), &diag);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle,
        &bench, MHD_OPTION_NOTIFY_CONNECTION, connected, &bench, MHD_OPTION_CONNECTION_LIMIT,
        bench.readers, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 << 10), MHD_OPTION_END);
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
    server_metrics_fini(&bench.metrics);
    return 0;
}
