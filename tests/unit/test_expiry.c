// server/expiry: who ends a request, when its body is read, and what is answered.
#include "server/expiry.h"

#include "base/tick.h"
#include "server/priority.h"
#include "server/route.h"
#include "server/slot_timer.h"
#include "tests/support/check.h"
#include "tests/support/model_case.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

enum { MS = 1000000, SLOTS = 3 + EXPIRY_THREADS, RACES = 2000, CANDIDATES = 2000, MOST = 1 << 20 };

static const struct serve_limits limits = {.max_body_bytes = MOST,
                                           .rank = {.max_candidates = CANDIDATES}};

struct fixture {
    struct scratch scratch;
    struct model_case models;
    struct server_metrics metrics;
    struct admit admit;
    struct live live;
    struct slot_pool *slots;
    struct expiry *expiry;
};

static atomic_uint woken;

static void wake(struct slot *slot)
{
    (void)slot;
    woken++;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    static const size_t hidden[] = {4};
    static const struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT,
                                                .features = "f:item:1",
                                                .hidden = hidden,
                                                .hidden_count = 1,
                                                .seed = 1};
    static const struct slot_limits slots = {.max_body_bytes = MOST, .max_reply_bytes = MOST};
    struct diag diag = {0};
    scratch_make(&fixture.scratch);
    assert_int_equal(
        model_case_make(&fixture.models, &fixture.scratch, &spec, EXPIRY_THREADS, &diag),
        STATUS_OK);
    assert_int_equal(server_metrics_init(&fixture.metrics, EXPIRY_THREADS), STATUS_OK);
    admit_init(&fixture.admit, 4 * MOST, 1);
    fixture.slots = slot_pool_new(SLOTS, &slots);
    assert_non_null(fixture.slots);
    const struct expiry_parts parts = {.slots = SLOTS,
                                       .registry = fixture.models.registry,
                                       .metrics = &fixture.metrics,
                                       .limits = limits,
                                       .admit = &fixture.admit,
                                       .live = &fixture.live};
    assert_int_equal(expiry_start(&parts, &fixture.expiry, &diag), STATUS_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    expiry_stop(fixture->expiry);
    expiry_free(fixture->expiry);
    slot_pool_free(fixture->slots);
    admit_fini(&fixture->admit);
    server_metrics_fini(&fixture->metrics);
    model_case_close(&fixture->models);
    scratch_remove(&fixture->scratch);
    return 0;
}

struct wanted {
    size_t size; // of the body: as many candidates as that takes
    bool no_bids;
    uint64_t timeout_ns;
};

static void write_body(struct slot *slot, const struct wanted *wanted)
{
    buf_text(&slot->body, "{\"candidates\":[");
    for (unsigned i = 0; i == 0 || slot->body.size < wanted->size; i++)
        buf_printf(&slot->body, "%s{\"id\":\"%u\",%s\"features\":{\"f\":[1.%0200d]}}",
                   i > 0 ? "," : "", i, wanted->no_bids ? "" : "\"bid\":1,", 1);
    buf_text(&slot->body, "]}");
}

// That a worker has.
static struct slot *request(struct fixture *fixture, const struct wanted *wanted)
{
    const struct route *route;
    struct span model;
    struct slot *slot = slot_take(fixture->slots);
    assert_non_null(slot);
    assert_int_equal(route_find(ROUTE_DATA, "POST", "/v1/rank", &route, &model), STATUS_OK);
    slot->route = route;
    slot->wake = wake;
    write_body(slot, wanted);
    assert_int_equal(slot_seal(slot), STATUS_OK);
    slot->arrival_ns = tick_ns();
    slot->deadline_ns = slot->arrival_ns + wanted->timeout_ns;
    atomic_store(&slot->state, SLOT_TAKEN);
    return slot;
}

// 4 ns a byte and a tick of 4 ms; 8 ns a byte of what was packed.
static void test_what_takes_long_to_read_is_read_ahead(void **state)
{
    static const struct {
        size_t size;
        uint32_t plain;              // 0: not packed
        uint64_t left_ns, wanted_ns; // until the deadline; from now on, UINT64_MAX: not ahead
    } cases[] = {
        {1000, 0, 20 * MS, UINT64_MAX},
        {65536, 0, 20 * MS, UINT64_MAX},
        {100000, 0, 20 * MS, 15600000},
        {1000000, 0, 100 * MS, 92 * MS},
        {1000000, 0, 8 * MS, 0},
        {1000000, 0, 5 * MS, 0},
        {1000000, 0, 4 * MS, UINT64_MAX}, // cannot be read in that
        {100000, 0, 0, UINT64_MAX},
        {1000, 60000, 20 * MS, 15520000},
        {1000, 1000000, 100 * MS, 88 * MS},
        {1000, UINT32_MAX, 100 * MS, UINT64_MAX},
        {7, 1000, 20 * MS, 20 * MS - 4 * MS - 56}, // no gzip has so few bytes
    };
    (void)state;
    static char body[1000000];
    const uint64_t now_ns = 5 * MS;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint32_t plain = cases[i].plain;
        const unsigned char tail[] = {(unsigned char)plain, (unsigned char)(plain >> 8),
                                      (unsigned char)(plain >> 16), (unsigned char)(plain >> 24)};
        memcpy(body + cases[i].size - sizeof(tail), tail, sizeof(tail));
        struct slot slot = {.gzip = plain > 0,
                            .body = {.data = body, .size = cases[i].size},
                            .body_size = cases[i].size,
                            .deadline_ns = now_ns + cases[i].left_ns};
        uint64_t wanted_ns = cases[i].wanted_ns == UINT64_MAX ? 0 : now_ns + cases[i].wanted_ns;
        assert_int_equal(expiry_ahead_ns(&slot, now_ns), wanted_ns);
    }
    struct slot late = {.body = {.data = body}, .body_size = 100000, .deadline_ns = MS};
    assert_int_equal(expiry_ahead_ns(&late, 2 * MS), 0);
}

static void expect_watched(struct fixture *fixture, const struct wanted *wanted,
                           enum live_on_deadline policy, bool ahead)
{
    atomic_store(&fixture->live.on_deadline, (int)policy);
    struct slot *slot = request(fixture, wanted);
    expiry_watch(fixture->expiry, slot);
    const struct slot_watch *watch = &slot->watches[SLOT_PLACE_AHEAD];
    assert_int_equal(slot->watches[SLOT_PLACE_END].at_ns, slot->deadline_ns);
    assert_int_equal(watch->by != NULL, ahead);
    if (ahead)
        assert_int_equal(slot->deadline_ns - watch->at_ns, slot->body_size * 4 + 4 * MS);
    slot_timer_remove(slot);
    slot_release(slot);
}

static void test_only_answers_by_bid_are_made_ahead(void **state)
{
    const struct wanted small = {.size = 1000, .timeout_ns = 3600000000000};
    const struct wanted large = {.size = 300000, .timeout_ns = 3600000000000};
    expect_watched(*state, &large, LIVE_ERROR, false);
    expect_watched(*state, &small, LIVE_BY_BID, false);
    expect_watched(*state, &large, LIVE_BY_BID, true);
}

static void test_a_slot_without_a_deadline_is_not_watched(void **state)
{
    struct fixture *fixture = *state;
    struct slot *slot = request(fixture, &(struct wanted){.size = 10});
    slot->deadline_ns = 0;
    expiry_watch(fixture->expiry, slot);
    assert_null(slot->watches[SLOT_PLACE_END].by);
    slot_release(slot);
}

static enum status answer_of(struct fixture *fixture, const struct wanted *wanted)
{
    struct slot *slot = request(fixture, wanted);
    unsigned before = woken;
    expiry_watch(fixture->expiry, slot);
    while (woken == before)
        sched_yield();
    assert_true(tick_ns() >= slot->deadline_ns);
    assert_int_equal(slot_state(slot), SLOT_EXPIRED);
    enum status code = slot_answer(slot)->code;
    assert_int_equal(slot_answer(slot)->facts.degraded, code == STATUS_OK);
    slot_release(slot);
    return code;
}

// Where the machine was too busy to begin in time it is STATUS_DEADLINE: then once more.
static void expect_by_bid(struct fixture *fixture, const struct wanted *wanted)
{
    for (int i = 0; i < 50; i++) {
        enum status code = answer_of(fixture, wanted);
        if (code == STATUS_OK)
            return;
        assert_int_equal(code, STATUS_DEADLINE);
    }
    fail_msg("never by bid");
}

static void test_answers(void **state)
{
    struct fixture *fixture = *state;
    const struct wanted small = {.size = 1000, .timeout_ns = 30 * MS};
    const struct wanted large = {.size = 100000, .timeout_ns = 60 * MS};
    const struct wanted without = {.size = 100000, .no_bids = true, .timeout_ns = 60 * MS};
    const struct wanted hasty = {.size = 300000, .timeout_ns = MS};
    atomic_store(&fixture->live.on_deadline, LIVE_BY_BID);
    expect_by_bid(fixture, &small);
    expect_by_bid(fixture, &large);
    assert_int_equal(answer_of(fixture, &without), STATUS_DEADLINE);
    assert_int_equal(answer_of(fixture, &hasty), STATUS_DEADLINE); // no time to read it
    atomic_store(&fixture->live.on_deadline, LIVE_ERROR);
    assert_int_equal(answer_of(fixture, &small), STATUS_DEADLINE);
    assert_int_equal(answer_of(fixture, &large), STATUS_DEADLINE);
}

// True: the worker was in time, just before the deadline, when the answer by bid was there already.
static bool is_done_in_time(struct fixture *fixture)
{
    struct slot *slot = request(fixture, &(struct wanted){.size = 100000, .timeout_ns = 30 * MS});
    unsigned before = woken;
    expiry_watch(fixture->expiry, slot);
    while (!atomic_load(&slot->made_ahead) && slot_state(slot) == SLOT_TAKEN)
        sched_yield();
    bool made = atomic_load(&slot->made_ahead);
    slot_timer_remove(slot);
    bool mine = slot_move(slot, SLOT_TAKEN, SLOT_DONE);
    while (!mine && woken == before)
        sched_yield();
    if (mine) {
        assert_int_equal(slot_answer(slot)->code, STATUS_OK);
        assert_false(slot_answer(slot)->facts.degraded);
        assert_int_equal(woken, before);
    }
    slot_release(slot);
    return mine && made;
}

// What was ranked in time is answered so, though another answer was made ahead.
static void test_what_is_done_in_time_is_not_by_bid(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&fixture->live.on_deadline, LIVE_BY_BID);
    for (int i = 0; i < 50; i++)
        if (is_done_in_time(fixture))
            return;
    fail_msg("never in time");
}

static void never(void *context, struct slot *slot)
{
    (void)context, (void)slot;
    fail_msg("nobody asked");
}

// What has expired is let go of, whoever still wanted to read it.
static void test_what_has_expired_stands_in_no_heap(void **state)
{
    struct fixture *fixture = *state;
    struct slot_timer *busy;
    const struct slot_timer_parts parts = {
        .slots = 1, .kind = SLOT_PLACE_AHEAD, .priority = priority_soon, .due = never};
    assert_int_equal(slot_timer_start(&parts, &busy, NULL), STATUS_OK);
    atomic_store(&fixture->live.on_deadline, LIVE_ERROR);
    struct slot *slot = request(fixture, &(struct wanted){.size = 10, .timeout_ns = MS});
    unsigned before = woken;
    slot_timer_add(busy, slot, tick_ns() + (uint64_t)3600000 * MS);
    expiry_watch(fixture->expiry, slot);
    while (woken == before)
        sched_yield();
    slot_release(slot); // asserts it
    slot_timer_stop(busy);
    slot_timer_free(busy); // and that nothing is left there
}

// A worker and the thread that ends requests want the same slot at the same time: one gets it.
static void test_one_of_two_ends_a_request(void **state)
{
    struct fixture *fixture = *state;
    size_t done = 0;
    atomic_store(&fixture->live.on_deadline, LIVE_ERROR);
    for (size_t i = 0; i < RACES; i++) {
        struct slot *slot =
            request(fixture, &(struct wanted){.size = 10, .timeout_ns = 20000 + i % 40 * 1000});
        unsigned before = woken;
        expiry_watch(fixture->expiry, slot);
        while (tick_ns() < slot->deadline_ns + i % 200 * 2000) // the other takes that long to wake
            ;
        slot_timer_remove(slot);
        bool mine = slot_move(slot, SLOT_TAKEN, SLOT_DONE);
        while (!mine && woken == before)
            sched_yield();
        assert_int_equal(slot_state(slot), mine ? SLOT_DONE : SLOT_EXPIRED);
        done += mine;
        slot_release(slot);
        assert_int_equal(woken - before, mine ? 0 : 1);
    }
    print_message("ended by the worker %zu, by its deadline %zu\n", done, RACES - done);
    assert_true(done > 0 && done < RACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_takes_long_to_read_is_read_ahead),
        cmocka_unit_test(test_only_answers_by_bid_are_made_ahead),
        cmocka_unit_test(test_a_slot_without_a_deadline_is_not_watched),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_done_in_time_is_not_by_bid),
        cmocka_unit_test(test_what_has_expired_stands_in_no_heap),
        cmocka_unit_test(test_one_of_two_ends_a_request),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
