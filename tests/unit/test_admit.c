// server/admit: the budget of bytes, and who would be late.
#include "server/admit.h"

#include "tests/support/check.h"

enum { MS = 1000000, BODY = 1000, MANY = 4000 };

static struct slot slot_of(size_t body_bytes, uint64_t deadline_ns)
{
    return (struct slot){.body_size = body_bytes, .deadline_ns = deadline_ns};
}

static void test_bytes_are_taken_and_given_back(void **state)
{
    (void)state;
    struct admit admit;
    admit_init(&admit, 100, 1);
    static const struct slot_limits limits = {.max_body_bytes = 100, .max_reply_bytes = 100};
    struct slot_pool *pool = slot_pool_new(3, &limits);
    struct slot *a = slot_take(pool), *b = slot_take(pool), *c = slot_take(pool);
    assert_true(admit_bytes(&admit, a, 60));
    assert_true(admit_bytes(&admit, b, 40));
    assert_false(admit_bytes(&admit, b, 1));
    assert_int_equal(b->reserved, 40);
    slot_share(a);
    slot_release(a); // the other owner may still read the body
    assert_false(admit_bytes(&admit, b, 1));
    slot_release(a);
    assert_true(admit_bytes(&admit, b, 60));
    assert_false(admit_bytes(&admit, c, SIZE_MAX));
    slot_release(b);
    slot_release(c); // has nothing to give
    assert_int_equal(atomic_load(&admit.bytes), 0);
    slot_pool_free(pool);
    admit_fini(&admit);
}

// One that was served teaches; requests of two sizes make a line.
static void serve(struct admit *admit, size_t body_bytes, uint64_t spent_ns)
{
    struct slot slot = slot_of(body_bytes, 0);
    assert_true(admit_enter(admit, &slot, 1));
    admit_take(admit, &slot);
    admit_leave(admit, &slot, &(struct admit_spent){spent_ns, spent_ns});
}

// cost = 1 ms + 2 us a byte: 3 ms for 1000 bytes, 5 ms for 2000
static void teach(struct admit *admit)
{
    for (int i = 0; i < MANY; i++) {
        serve(admit, BODY, 3 * MS);
        serve(admit, 2 * BODY, 5 * MS);
    }
}

static void test_cost_is_a_line_over_the_body(void **state)
{
    (void)state;
    struct admit admit;
    admit_init(&admit, 1 << 20, 1);
    teach(&admit);
    struct slot slot = slot_of(4 * BODY, 0); // 1 + 8 ms
    assert_true(admit_enter(&admit, &slot, 1));
    assert_true((double)slot.cost_ns > 8.9 * MS && (double)slot.cost_ns < 9.1 * MS);
    admit_undo(&admit, &slot);
    assert_int_equal(atomic_load(&admit.waiting_ns), 0);
    assert_int_equal(atomic_load(&admit.waiting_bytes), 0);
    admit_fini(&admit);
}

// Equal sizes tell nothing of a body that is far longer.
static void test_what_is_far_longer_is_not_short(void **state)
{
    (void)state;
    struct admit admit;
    admit_init(&admit, 1 << 20, 1);
    assert_false(admit_is_short(&admit, BODY, MS)); // nothing is known
    for (int i = 0; i < MANY; i++)
        serve(&admit, BODY, MS / 2);
    assert_true(admit_is_short(&admit, BODY, MS));
    assert_true(admit_is_short(&admit, 2 * BODY, MS));
    assert_false(admit_is_short(&admit, 3 * BODY, MS));
    struct slot expired = slot_of(3 * BODY, 0); // has no cost, and so tells nothing
    assert_true(admit_enter(&admit, &expired, 1));
    admit_take(&admit, &expired);
    admit_leave(&admit, &expired, &(struct admit_spent){0});
    assert_false(admit_is_short(&admit, 3 * BODY, MS));
    serve(&admit, 3 * BODY, MS / 2); // by a worker
    assert_true(admit_is_short(&admit, 3 * BODY, MS));
    assert_false(admit_is_short(&admit, 7 * BODY, MS));
    admit_fini(&admit);
}

static void test_cost_follows_what_is_served_now(void **state)
{
    (void)state;
    struct admit admit;
    admit_init(&admit, 1 << 20, 1);
    for (int i = 0; i < MANY; i++)
        serve(&admit, BODY, 1 * MS);
    for (int i = 0; i < MANY; i++)
        serve(&admit, BODY, 7 * MS);
    struct slot slot = slot_of(BODY, 0);
    assert_true(admit_enter(&admit, &slot, 1));
    assert_true((double)slot.cost_ns > 6.9 * MS && (double)slot.cost_ns < 7.1 * MS);
    admit_fini(&admit);
}

// Ten requests of 3 ms wait for two workers: 15 ms, and 3 of its own; twice that must be left.
static void test_who_would_be_late_is_refused(void **state)
{
    (void)state;
    struct admit admit;
    struct slot waiting[10];
    admit_init(&admit, 1 << 20, 2);
    teach(&admit);
    for (size_t i = 0; i < 10; i++) {
        waiting[i] = slot_of(BODY, 0);
        assert_true(admit_enter(&admit, &waiting[i], 1));
    }
    const uint64_t now = 1000 * (uint64_t)MS;
    struct slot late = slot_of(BODY, now + 34 * MS), early = slot_of(BODY, now + 38 * MS);
    struct slot gone = slot_of(BODY, now);
    assert_false(admit_enter(&admit, &late, now));
    assert_false(admit_enter(&admit, &gone, now));
    assert_false(admit_in_time(&admit, BODY, now + 34 * MS, now));
    assert_true(admit_in_time(&admit, BODY, 0, now));
    assert_true(admit_enter(&admit, &early, now));
    admit_fini(&admit);
}

// What it learnt is that a request takes 5 seconds; it is still let in when nothing waits.
static void test_an_idle_server_takes_a_request_whatever_it_learnt(void **state)
{
    (void)state;
    struct admit admit;
    admit_init(&admit, 1 << 20, 1);
    for (int i = 0; i < MANY; i++)
        serve(&admit, BODY, (uint64_t)5000 * MS);
    struct slot first = slot_of(BODY, 100 * MS), second = slot_of(BODY, 100 * MS);
    assert_true(admit_enter(&admit, &first, 1));
    assert_false(admit_enter(&admit, &second, 1));
    admit_take(&admit, &first);
    assert_false(admit_enter(&admit, &second, 1));
    admit_leave(&admit, &first, &(struct admit_spent){3 * MS, 3 * MS});
    assert_true(admit_enter(&admit, &second, 1));
    admit_fini(&admit);
}

static void test_retry_after_is_the_wait(void **state)
{
    (void)state;
    struct admit admit;
    admit_init(&admit, 1 << 20, 1);
    assert_int_equal(admit_retry_after_s(&admit), 1);
    for (int i = 0; i < MANY; i++)
        serve(&admit, BODY, (uint64_t)1500 * MS);
    struct slot a = slot_of(BODY, 0), b = slot_of(BODY, 0);
    assert_true(admit_enter(&admit, &a, 1));
    assert_int_equal(admit_retry_after_s(&admit), 2);
    assert_true(admit_enter(&admit, &b, 1));
    assert_in_range(admit_retry_after_s(&admit), 3, 4); // 3 seconds, or a hair more
    admit_fini(&admit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_taken_and_given_back),
        cmocka_unit_test(test_cost_is_a_line_over_the_body),
        cmocka_unit_test(test_what_is_far_longer_is_not_short),
        cmocka_unit_test(test_cost_follows_what_is_served_now),
        cmocka_unit_test(test_who_would_be_late_is_refused),
        cmocka_unit_test(test_an_idle_server_takes_a_request_whatever_it_learnt),
        cmocka_unit_test(test_retry_after_is_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
