// server/http alone: the I/O thread with a listener of its own and nobody who ranks. What a whole
// daemon can show is in tests/it/test_http.py.
#include "server/http.h"

#include "server/listener.h"
#include "server/server_metrics.h"
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READERS = 1 };

struct bench {
    struct registry *registry;
    struct server_metrics metrics;
    struct observe observe;
    struct admit admit;
    struct live live;
    struct http_parts parts;
    struct http *http;
    uint16_t port;
};

static void start(struct bench *bench, size_t max_reply_bytes)
{
    const struct slot_limits slots = {.max_body_bytes = 1000, .max_reply_bytes = max_reply_bytes};
    static const struct conns_limits conns = {.max_connections = 4};
    *bench = (struct bench){.registry = registry_new(READERS), .parts.max_connections = 4};
    admit_init(&bench->admit, 1 << 20, 1);
    assert_int_equal(server_metrics_init(&bench->metrics, 1), STATUS_OK);
    assert_int_equal(conns_start(&conns, &bench->parts.conns, NULL), STATUS_OK);
    bench->parts.intake = (struct intake){
        .planes = ROUTE_DATA | ROUTE_OBSERVE,
        .max_body_bytes = 1000,
        .slots = slot_pool_new(5, &slots),
        .queue = queue_new(4),
        .admit = &bench->admit,
        .observe = &bench->observe,
        .live = &bench->live,
        .shard = metric_shard(bench->metrics.set, 0),
    };
    bench->observe.registry = bench->registry;
    bench->observe.metrics = &bench->metrics;
    bench->observe.queue = bench->parts.intake.queue;
    bench->observe.admit = &bench->admit;
    bench->observe.conns = bench->parts.conns;
    atomic_store(&bench->observe.started, true);
    assert_int_equal(
        listener_bind("127.0.0.1", 0, "http.listen", &bench->parts.listen_fd, &bench->port, NULL),
        STATUS_OK);
    assert_int_equal(listen(bench->parts.listen_fd, 4), 0);
    assert_int_equal(http_start(&bench->parts, &bench->http, NULL), STATUS_OK);
}

static void stop(struct bench *bench)
{
    http_stop(bench->http);
    close(bench->parts.listen_fd);
    conns_stop(bench->parts.conns);
    slot_pool_free(bench->parts.intake.slots);
    queue_free(bench->parts.intake.queue);
    server_metrics_fini(&bench->metrics);
    admit_fini(&bench->admit);
    registry_free(bench->registry);
}

// Sends a request that asks to close, returns the whole reply in `text`.
static void ask(const struct bench *bench, const char *request, char *text, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(bench->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    size_t used = 0;
    for (ssize_t got; (got = read(fd, text + used, size - 1 - used)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    close(fd);
}

static void expect(const char *reply, const char *line, const char *body)
{
    const char *gap = strstr(reply, "\r\n\r\n");
    assert_non_null(gap);
    assert_memory_equal(reply, line, strlen(line));
    assert_string_equal(gap + 4, body);
}

static const char nowhere[] = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
static const char live[] = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void test_answers_without_a_worker(void **state)
{
    (void)state;
    struct bench bench;
    char reply[4096];
    start(&bench, 1000);
    ask(&bench, live, reply, sizeof(reply));
    expect(reply, "HTTP/1.1 200 ", "{\"live\":true}\n");
    ask(&bench, nowhere, reply, sizeof(reply));
    expect(reply, "HTTP/1.1 404 ", "{\"error\":\"there is no such path\"}");
    atomic_store(&bench.observe.draining, true);
    ask(&bench, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", reply, sizeof(reply));
    expect(reply, "HTTP/1.1 503 ", "{\"ready\":false,\"error\":\"draining\"}\n");
    stop(&bench);
    assert_int_equal(atomic_load(&bench.observe.inflight), 0);
}

// A reply buffer that cannot grow stands for memory that has run out.
static void test_no_reply_goes_out_in_part(void **state)
{
    (void)state;
    struct bench bench;
    char reply[4096];
    start(&bench, 12); // {"error": and no more
    ask(&bench, nowhere, reply, sizeof(reply));
    expect(reply, "HTTP/1.1 503 ", "{\"error\":\"out of memory\"}");
    assert_non_null(strstr(reply, "Content-Type: application/json\r\n"));
    // As it was answered, so it is counted: route "other", the 13th of 15 codes is 503.
    assert_true(metric_sum(bench.metrics.set, SERVER_METRICS_REQUESTS, ROUTE_COUNT * 15 + 12) == 1);
    stop(&bench);
}

// Connections that stand open, idle or in the middle of a request, when the server ends.
static void test_stop_with_connections_open(void **state)
{
    (void)state;
    static const char *const begun[] = {"", "GET /li", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
                                        ("POST /v1/rank HTTP/1.1\r\nHost: x\r\n"
                                         "Content-Length: 9\r\n\r\n{")};
    struct bench bench;
    int fds[4];
    start(&bench, 1000);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(bench.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (size_t i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(write(fds[i], begun[i], strlen(begun[i])), (ssize_t)strlen(begun[i]));
    }
    while (atomic_load(&bench.observe.inflight) == 0) // the last one is begun and stays so
        ;
    stop(&bench);
    assert_int_equal(atomic_load(&bench.observe.inflight), 0);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_without_a_worker),
        cmocka_unit_test(test_no_reply_goes_out_in_part),
        cmocka_unit_test(test_stop_with_connections_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
