// server/intake without HTTP: who is let in, by when it must be answered, and who is refused.
#include "server/intake.h"

#include "base/tick.h"
#include "server/server_metrics.h"
#include "server/slot_timer.h"
#include "tests/support/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MS = 1000000, SLOTS = 6, MAX_BODY = 1000 };

struct bench {
    struct server_metrics metrics;
    struct registry *registry;
    struct observe observe;
    struct admit admit;
    struct live live;
    struct trace_ids ids;
    struct intake intake;
    struct secret secret;
    atomic_uint woken;
};

static struct bench *current;

static void wake(struct slot *slot)
{
    (void)slot;
    current->woken++;
}

static void start(struct bench *bench, unsigned planes, enum intake_door door)
{
    const struct slot_limits slots = {.max_body_bytes = MAX_BODY, .max_reply_bytes = 1000};
    *bench = (struct bench){.woken = 0};
    current = bench;
    bench->registry = registry_new(1 + EXPIRY_THREADS);
    assert_non_null(bench->registry);
    assert_int_equal(server_metrics_init(&bench->metrics, 1 + EXPIRY_THREADS), STATUS_OK);
    admit_init(&bench->admit, 1500, 1);
    trace_ids_init(&bench->ids);
    digest_hex_of("0123456789abcdef", 16, bench->secret.digest);
    bench->observe.metrics = &bench->metrics;
    bench->intake = (struct intake){.planes = planes,
                                    .door = door,
                                    .token = &bench->secret,
                                    .max_body_bytes = MAX_BODY,
                                    .slots = slot_pool_new(SLOTS, &slots),
                                    .queue = queue_new(2),
                                    .admit = &bench->admit,
                                    .observe = &bench->observe,
                                    .live = &bench->live,
                                    .shard = metric_shard(bench->metrics.set, 0),
                                    .ids = &bench->ids};
    const struct expiry_parts expiry = {.slots = SLOTS,
                                        .registry = bench->registry,
                                        .metrics = &bench->metrics,
                                        .thread = 1,
                                        .limits = {.max_body_bytes = MAX_BODY},
                                        .admit = &bench->admit,
                                        .live = &bench->live};
    assert_int_equal(expiry_start(&expiry, &bench->intake.expiry, NULL), STATUS_OK);
}

static void stop(struct bench *bench)
{
    expiry_stop(bench->intake.expiry);
    expiry_free(bench->intake.expiry);
    slot_pool_free(bench->intake.slots); // asserts that all are back
    queue_free(bench->intake.queue);
    admit_fini(&bench->admit);
    server_metrics_fini(&bench->metrics);
    registry_free(bench->registry);
    assert_int_equal(atomic_load(&bench->observe.inflight), 0);
    assert_int_equal(atomic_load(&bench->admit.bytes), 0);
}

// `fields`: "Name: value" lines, with the Host that every request has.
static struct slot *begin(struct bench *bench, const char *method, const char *path,
                          const char *const *fields, int socket_fd)
{
    struct head head;
    char name[64];
    head_init(&head);
    head_note(&head, "Host", span_of("x"));
    for (size_t i = 0; fields != NULL && fields[i] != NULL; i++) {
        size_t length = strcspn(fields[i], ":");
        snprintf(name, sizeof(name), "%.*s", (int)(length < 60 ? length : 60), fields[i]);
        head_note(&head, name, span_of(fields[i] + length + 1));
    }
    return intake_begin(
        &bench->intake,
        &(struct intake_head){
            .method = method, .path = path, .head = &head, .socket_fd = socket_fd, .wake = wake});
}

static enum status code_of(struct bench *bench, const char *method, const char *path,
                           const char *const *fields, int socket_fd)
{
    struct slot *slot = begin(bench, method, path, fields, socket_fd);
    enum status code = slot_state(slot) == SLOT_DONE ? slot->reply.code : STATUS_OK;
    intake_release(&bench->intake, slot);
    return code;
}

static void test_planes_and_doors(void **state)
{
    (void)state;
    struct bench bench;
    const char *const right[] = {"Authorization: Bearer 0123456789abcdef", NULL};
    const char *const wrong[] = {"Authorization: Bearer 0123456789abcdeg", NULL};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct route *row = route_at(i);
        const char *path = row->plane == ROUTE_ADMIN && strstr(row->path, "{model}") != NULL
                               ? "/v1/models/ctr/load"
                               : row->path;
        bool admin = row->plane == ROUTE_ADMIN;
        start(&bench, ROUTE_DATA | ROUTE_OBSERVE, INTAKE_NOBODY);
        assert_int_equal(code_of(&bench, row->method, path, right, -1),
                         admin ? STATUS_NOT_FOUND : STATUS_OK);
        stop(&bench);
        start(&bench, ROUTE_ADMIN | ROUTE_OBSERVE, INTAKE_TOKEN);
        enum status open = row->plane == ROUTE_DATA ? STATUS_NOT_FOUND : STATUS_OK;
        assert_int_equal(code_of(&bench, row->method, path, NULL, -1),
                         admin ? STATUS_UNAUTHORIZED : open);
        assert_int_equal(code_of(&bench, row->method, path, wrong, -1),
                         admin ? STATUS_UNAUTHORIZED : open);
        assert_int_equal(code_of(&bench, row->method, path, right, -1), open);
        stop(&bench);
        start(&bench, ROUTE_ADMIN | ROUTE_OBSERVE, INTAKE_PEER);
        assert_int_equal(code_of(&bench, row->method, path, right, -1),
                         admin ? STATUS_FORBIDDEN : open);
        assert_int_equal(code_of(&bench, row->method, path, NULL, ends[0]), open);
        stop(&bench);
    }
    close(ends[0]);
    close(ends[1]);
}

// A body in pieces to the end; what the worker would get.
static struct slot *post(struct bench *bench, const char *const *fields, const char *body,
                         bool *ret_queued)
{
    struct slot *slot = begin(bench, "POST", "/v1/rank", fields, -1);
    struct observe_call call = {.count = 0};
    for (size_t at = 0, size = strlen(body); at < size; at += 7)
        assert_true(intake_body(&bench->intake, slot, body + at, size - at < 7 ? size - at : 7));
    *ret_queued = intake_end(&bench->intake, slot, &call) && intake_queue(&bench->intake, slot);
    return slot;
}

// What a worker does with it, without ranking.
static void take_one(struct bench *bench)
{
    void *item;
    assert_true(queue_take(bench->intake.queue, &item));
    struct slot *slot = item;
    if (slot_move(slot, SLOT_QUEUED, SLOT_TAKEN)) {
        admit_take(bench->intake.admit, slot);
        slot_timer_remove(slot);
        assert_true(slot_move(slot, SLOT_TAKEN, SLOT_DONE));
        admit_leave(bench->intake.admit, slot, &(struct admit_spent){.wall_ns = 0});
    }
    slot_release(slot);
}

static void test_the_shortest_deadline_counts(void **state)
{
    (void)state;
    static const struct {
        const char *field, *body;
        uint64_t live_ms, wanted_ms; // 0: none
    } cases[] = {
        {NULL, "{}", 0, 0},
        {"X-Request-Timeout-Ms: 700", "{}", 0, 700},
        {NULL, "{\"timeout_us\":900000}", 0, 900},
        {"X-Request-Timeout-Ms: 700", "{\"timeout_us\":900000}", 0, 700},
        {"X-Request-Timeout-Ms: 1100", "{\"timeout_us\":900000}", 0, 900},
        {NULL, "{}", 800, 800},
        {"X-Request-Timeout-Ms: 1100", "{}", 800, 1100}, // who brings one has it
        {NULL, "{\"timeout_us\":900000}", 800, 900},
        {NULL, "{\"timeout_us\":18446744073709551615}", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench bench;
        const char *const fields[] = {cases[i].field, NULL};
        bool queued;
        start(&bench, ROUTE_DATA, INTAKE_NOBODY);
        atomic_store(&bench.live.timeout_ns, cases[i].live_ms * MS);
        struct slot *slot = post(&bench, fields, cases[i].body, &queued);
        assert_true(queued);
        uint64_t wanted = cases[i].wanted_ms == 0 ? 0 : slot->arrival_ns + cases[i].wanted_ms * MS;
        assert_true(slot->deadline_ns == wanted);
        take_one(&bench);
        intake_release(&bench.intake, slot);
        stop(&bench);
    }
}

static enum status refused(struct bench *bench, const char *const *fields, const char *body)
{
    bool queued;
    struct slot *slot = post(bench, fields, body, &queued);
    assert_false(queued);
    enum status code = slot->reply.code;
    intake_release(&bench->intake, slot);
    return code;
}

static double shed(const struct bench *bench, enum server_metrics_shed reason)
{
    return metric_sum(bench->metrics.set, SERVER_METRICS_SHED, reason);
}

static void test_refusals(void **state)
{
    (void)state;
    static char large[MAX_BODY + 1], half[701];
    struct bench bench;
    bool queued;
    memset(large, ' ', MAX_BODY);
    memset(half, ' ', sizeof(half) - 1);
    start(&bench, ROUTE_DATA, INTAKE_NOBODY);
    struct slot *first = post(&bench, NULL, half, &queued);
    assert_true(queued);
    // Three bodies of 700 bytes are more than the 1500 that may be held.
    struct slot *second = post(&bench, NULL, half, &queued);
    assert_true(queued);
    assert_int_equal(refused(&bench, NULL, half), STATUS_OVERLOADED);
    assert_true(shed(&bench, SERVER_METRICS_QUEUE_BYTES_FULL) == 1);
    assert_int_equal(refused(&bench, NULL, "{}"), STATUS_OVERLOADED); // the queue has two places
    assert_true(shed(&bench, SERVER_METRICS_QUEUE_FULL) == 1);
    queue_close(bench.intake.queue);
    atomic_store(&bench.observe.draining, true);
    assert_int_equal(refused(&bench, NULL, "{}"), STATUS_UNAVAILABLE);
    assert_true(shed(&bench, SERVER_METRICS_DRAINING) == 1);
    for (int i = 0; i < 2; i++)
        take_one(&bench);
    intake_release(&bench.intake, first);
    intake_release(&bench.intake, second);
    stop(&bench);
}

static void test_a_body_beyond_the_limit(void **state)
{
    (void)state;
    static char piece[MAX_BODY];
    struct bench bench;
    struct observe_call call = {.count = 0};
    start(&bench, ROUTE_DATA, INTAKE_NOBODY);
    const char *const fields[] = {"Transfer-Encoding: chunked", NULL};
    struct slot *slot = begin(&bench, "POST", "/v1/rank", fields, -1);
    assert_true(intake_body(&bench.intake, slot, piece, MAX_BODY));
    unsigned more = 0;
    while (intake_body(&bench.intake, slot, piece, MAX_BODY)) // read on and forgotten, for a while
        more++;
    assert_true(more >= 3 && more <= 5);
    assert_int_equal(slot->body.size, MAX_BODY);
    assert_false(intake_end(&bench.intake, slot, &call));
    assert_int_equal(slot->reply.code, STATUS_TOO_LARGE);
    assert_true(slot->closes);
    intake_release(&bench.intake, slot);
    stop(&bench);
}

// Nobody takes it: the deadline thread answers, and the place in the queue is given back.
static void test_expired_in_the_queue(void **state)
{
    (void)state;
    struct bench bench;
    bool queued;
    const char *const fields[] = {"X-Request-Timeout-Ms: 50", NULL};
    start(&bench, ROUTE_DATA, INTAKE_NOBODY);
    struct slot *slot = post(&bench, fields, "{}", &queued);
    assert_true(queued);
    while (slot_state(slot) != SLOT_EXPIRED)
        ;
    assert_true(tick_ns() >= slot->deadline_ns);
    expiry_stop(bench.intake.expiry); // it has done with the slot
    assert_int_equal(bench.woken, 1);
    assert_int_equal(slot_answer(slot)->code, STATUS_DEADLINE);
    intake_release(&bench.intake, slot);
    take_one(&bench);
    expiry_free(bench.intake.expiry);
    bench.intake.expiry = NULL;
    stop(&bench);
}

// Requests that have expired take no place from those that come later.
static void test_expired_ones_leave_their_places(void **state)
{
    (void)state;
    struct bench bench;
    bool queued;
    const char *const fields[] = {"X-Request-Timeout-Ms: 50", NULL};
    start(&bench, ROUTE_DATA, INTAKE_NOBODY);
    for (int i = 0; i < 10; i++) { // five times what the queue holds
        struct slot *slot = post(&bench, fields, "{}", &queued);
        assert_true(queued);
        while (slot_state(slot) != SLOT_EXPIRED)
            ;
        while (bench.woken == (unsigned)i)
            ;
        intake_release(&bench.intake, slot);
    }
    assert_true(queue_depth(bench.intake.queue) <= 2);
    while (queue_depth(bench.intake.queue) > 0)
        take_one(&bench);
    stop(&bench);
    assert_int_equal(atomic_load(&bench.admit.waiting_bytes), 0);
    assert_int_equal(atomic_load(&bench.admit.waiting_ns), 0);
}

// One that was served says what the next will cost.
static void teach(struct bench *bench, uint64_t wall_ns, uint64_t cpu_ns)
{
    struct slot served = {.body_size = 2};
    assert_true(admit_enter(&bench->admit, &served, 1));
    admit_take(&bench->admit, &served);
    admit_leave(&bench->admit, &served, &(struct admit_spent){wall_ns, cpu_ns});
}

static bool ranks(struct bench *bench, unsigned connections)
{
    struct observe_call call = {.count = 0};
    struct slot *slot = begin(bench, "POST", "/v1/rank", NULL, -1);
    assert_true(intake_body(&bench->intake, slot, "{}", 2));
    assert_true(intake_end(&bench->intake, slot, &call));
    bool ranked = intake_rank(&bench->intake, slot, connections);
    if (ranked) { // there is no model
        assert_int_equal(slot_state(slot), SLOT_DONE);
        assert_int_equal(slot->reply.code, STATUS_UNAVAILABLE);
    } else {
        assert_int_equal(slot_state(slot), SLOT_READING);
    }
    intake_release(&bench->intake, slot);
    return ranked;
}

static void test_who_is_ranked_at_once(void **state)
{
    (void)state;
    static const struct serve_limits limits = {.max_body_bytes = MAX_BODY};
    struct bench bench;
    struct serve serve;
    bool queued;
    start(&bench, ROUTE_DATA, INTAKE_NOBODY);
    struct registry *registry = registry_new(1);
    assert_int_equal(serve_init(&serve, &limits, registry, 0, bench.intake.shard), STATUS_OK);
    assert_false(ranks(&bench, 1)); // this thread never does
    bench.intake.serve = &serve;
    bench.intake.ranks = true;
    bench.intake.few_connections = 4;
    assert_false(ranks(&bench, 1)); // nobody knows how long it takes
    teach(&bench, MS / 2, MS / 2);
    assert_true(ranks(&bench, 1));
    assert_true(ranks(&bench, 4));
    assert_false(ranks(&bench, 5));
    struct slot *waiting = post(&bench, NULL, "{}", &queued);
    assert_true(queued);
    assert_false(ranks(&bench, 1));
    take_one(&bench);
    intake_release(&bench.intake, waiting);
    assert_true(ranks(&bench, 1));
    teach(&bench, MS / 2, 20 * MS); // one of many is long
    for (int i = 0; i < 100; i++)
        teach(&bench, MS / 2, MS / 2);
    assert_false(ranks(&bench, 1));
    for (int i = 0; i < 3000; i++)
        teach(&bench, MS / 2, MS / 2);
    assert_true(ranks(&bench, 1));
    queue_close(bench.intake.queue); // the end
    assert_false(ranks(&bench, 1));
    assert_int_equal(atomic_load(&bench.admit.waiting_ns), 0);
    assert_int_equal(atomic_load(&bench.admit.running_ns), 0);
    serve_fini(&serve);
    registry_free(registry);
    stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planes_and_doors),
        cmocka_unit_test(test_the_shortest_deadline_counts),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_body_beyond_the_limit),
        cmocka_unit_test(test_expired_in_the_queue),
        cmocka_unit_test(test_expired_ones_leave_their_places),
        cmocka_unit_test(test_who_is_ranked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
