// server/http and server/acceptor alone: the I/O thread with a listener of its own and nobody who
// ranks. What a whole daemon can show is in tests/it/test_http.py.
#include "server/acceptor.h"

#include "base/tick.h"
#include "server/listener.h"
#include "server/server_metrics.h"
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READERS = 1, CONNECTIONS = 4, WAIT_MS = 20000 };

struct bench {
    struct registry *registry;
    struct server_metrics metrics;
    struct observe observe;
    struct pulse pulse;
    struct admit admit;
    struct live live;
    struct http_parts parts;
    struct http *http;
    struct acceptor *acceptor;
    int listen_fd;
    uint16_t port;
};

static void start(struct bench *bench, size_t max_reply_bytes)
{
    const struct slot_limits slots = {.max_body_bytes = 1000, .max_reply_bytes = max_reply_bytes};
    static const struct conns_limits conns = {.max_connections = CONNECTIONS};
    *bench =
        (struct bench){.registry = registry_new(READERS), .parts.max_connections = CONNECTIONS};
    admit_init(&bench->admit, 1 << 20, 1);
    assert_int_equal(server_metrics_init(&bench->metrics, 1), STATUS_OK);
    assert_int_equal(conns_start(&conns, &bench->parts.conns, NULL), STATUS_OK);
    bench->parts.intake = (struct intake){
        .planes = ROUTE_DATA | ROUTE_OBSERVE,
        .max_body_bytes = 1000,
        .slots = slot_pool_new(CONNECTIONS + 1, &slots),
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
    bench->observe.pulse = &bench->pulse;
    pulse_init(&bench->pulse, bench->registry, 0, bench->parts.intake.shard);
    atomic_store(&bench->observe.started, true);
    assert_int_equal(
        listener_bind("127.0.0.1", 0, "http.listen", &bench->listen_fd, &bench->port, NULL),
        STATUS_OK);
    assert_int_equal(listen(bench->listen_fd, 4 * CONNECTIONS), 0);
    assert_int_equal(http_start(&bench->parts, &bench->http, NULL), STATUS_OK);
    const struct acceptor_door door = {bench->listen_fd, bench->parts.conns, &bench->http, 1,
                                       false};
    assert_int_equal(acceptor_start(&door, 1, &bench->acceptor, NULL), STATUS_OK);
}

static void stop(struct bench *bench)
{
    acceptor_stop(bench->acceptor);
    http_stop(bench->http);
    close(bench->listen_fd);
    conns_stop(bench->parts.conns);
    slot_pool_free(bench->parts.intake.slots);
    queue_free(bench->parts.intake.queue);
    server_metrics_fini(&bench->metrics);
    admit_fini(&bench->admit);
    registry_free(bench->registry);
}

static int reach(const struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(bench->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *words)
{
    assert_int_equal(write(fd, words, strlen(words)), (ssize_t)strlen(words));
}

// Sends a request that asks to close, returns the whole reply in `text`.
static void ask(const struct bench *bench, const char *request, char *text, size_t size)
{
    int fd = reach(bench);
    say(fd, request);
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

static bool went_round(const struct bench *bench)
{
    uint64_t begun = tick_ns();
    while (http_turned_ns(bench->http) <= begun || acceptor_turned_ns(bench->acceptor) <= begun) {
        if (tick_ns() - begun > (uint64_t)WAIT_MS * 1000000)
            return false;
        usleep(1000);
    }
    return true;
}

// Who has nothing to do goes round all the same: a watchdog asks.
static void test_idle_threads_go_round(void **state)
{
    (void)state;
    struct bench bench;
    start(&bench, 1000);
    for (int round = 0; round < 3; round++) // the first may still be of the start
        assert_true(went_round(&bench));
    stop(&bench);
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
    // As it was answered, so it is counted: route "other", the 14th of 17 codes is 503.
    assert_true(metric_sum(bench.metrics.set, SERVER_METRICS_REQUESTS, ROUTE_COUNT * 17 + 13) == 1);
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
    for (size_t i = 0; i < 4; i++) {
        fds[i] = reach(&bench);
        say(fds[i], begun[i]);
    }
    while (atomic_load(&bench.observe.inflight) == 0) // the last one is begun and stays so
        ;
    stop(&bench);
    assert_int_equal(atomic_load(&bench.observe.inflight), 0);
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
}

static const char half_a_request[] =
    "POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{";

// All places are taken by requests that are being read: whoever comes then waits and is served
// when one of them has gone.
static void test_a_full_door_lets_wait(void **state)
{
    (void)state;
    struct bench bench;
    int fds[CONNECTIONS];
    char reply[4096];
    start(&bench, 1000);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fds[i] = reach(&bench);
        say(fds[i], half_a_request);
        while (atomic_load(&bench.observe.inflight) != i + 1)
            ;
    }
    struct pollfd late = {.fd = reach(&bench), .events = POLLIN};
    say(late.fd, live);
    assert_int_equal(poll(&late, 1, 50), 0);
    close(fds[2]);
    assert_int_equal(poll(&late, 1, WAIT_MS), 1);
    ssize_t got = read(late.fd, reply, sizeof(reply) - 1);
    assert_true(got > 0);
    reply[got] = '\0';
    expect(reply, "HTTP/1.1 200 ", "{\"live\":true}\n");
    assert_int_equal(conns_cut(bench.parts.conns), 0);
    close(late.fd);
    stop(&bench);
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (i != 2)
            close(fds[i]);
}

// The end comes while connections do, more than there are places for.
static void test_stop_while_the_door_fills(void **state)
{
    (void)state;
    enum { ROUNDS = 50, MANY = 3 * CONNECTIONS };
    for (int round = 0; round < ROUNDS; round++) {
        struct bench bench;
        int fds[MANY];
        start(&bench, 1000);
        for (size_t i = 0; i < MANY; i++) {
            fds[i] = reach(&bench);
            say(fds[i], i % 2 == 0 ? live : half_a_request);
        }
        stop(&bench);
        assert_int_equal(atomic_load(&bench.observe.inflight), 0);
        for (size_t i = 0; i < MANY; i++)
            close(fds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_without_a_worker),
        cmocka_unit_test(test_idle_threads_go_round),
        cmocka_unit_test(test_no_reply_goes_out_in_part),
        cmocka_unit_test(test_stop_with_connections_open),
        cmocka_unit_test(test_a_full_door_lets_wait),
        cmocka_unit_test(test_stop_while_the_door_fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
