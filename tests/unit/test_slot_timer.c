// server/slot_timer: what is due when, in what order, and what no more.
#include "server/slot_timer.h"

#include "base/tick.h"
#include "server/priority.h"
#include "tests/support/check.h"

#include <pthread.h>

enum { SLOTS = 200, MS = 1000000 };

// What came due, in order.
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t more;
    size_t count;
    struct slot *slots[SLOTS];
    unsigned owners[SLOTS];
    uint64_t at_ns[SLOTS];
};

static void note(void *context, struct slot *slot)
{
    struct seen *seen = context;
    pthread_mutex_lock(&seen->lock);
    seen->slots[seen->count] = slot;
    seen->owners[seen->count] = atomic_load(&slot->owners);
    seen->at_ns[seen->count++] = tick_ns();
    pthread_cond_signal(&seen->more);
    pthread_mutex_unlock(&seen->lock);
}

static void wait_for(struct seen *seen, size_t count)
{
    pthread_mutex_lock(&seen->lock);
    while (seen->count < count)
        pthread_cond_wait(&seen->more, &seen->lock);
    pthread_mutex_unlock(&seen->lock);
}

static struct slot_timer *start(struct seen *seen, enum slot_place kind)
{
    struct slot_timer *timer;
    const struct slot_timer_parts parts = {
        .slots = SLOTS, .kind = kind, .priority = priority_prompt, .due = note, .context = seen};
    *seen = (struct seen){.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    assert_int_equal(slot_timer_start(&parts, &timer, NULL), STATUS_OK);
    return timer;
}

static void end(struct slot_timer *timer)
{
    slot_timer_stop(timer);
    slot_timer_free(timer);
}

static void test_due_in_order_and_not_before(void **state)
{
    (void)state;
    static struct slot slots[SLOTS];
    static struct seen seen;
    struct slot_timer *timer = start(&seen, SLOT_PLACE_END);
    uint64_t base = tick_ns() + 500 * MS; // by then all of them are watched
    for (size_t i = 0; i < SLOTS; i++) {  // 37 and 200 share no factor: every place once, mixed
        slots[i] = (struct slot){.owners = 1, .deadline_ns = base + i * 37 % SLOTS * 50000};
        slot_timer_add(timer, &slots[i], slots[i].deadline_ns);
    }
    wait_for(&seen, SLOTS);
    end(timer);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal(seen.owners[i], 2);
        assert_int_equal(seen.slots[i]->owners, 1);
        assert_true(seen.at_ns[i] >= seen.slots[i]->deadline_ns);
        assert_true(i == 0 || seen.slots[i - 1]->deadline_ns <= seen.slots[i]->deadline_ns);
    }
}

// Also from the middle of the heap; the others still come in order.
static void test_what_was_removed_is_not_due(void **state)
{
    (void)state;
    static struct slot slots[SLOTS];
    static struct seen seen;
    struct slot_timer *timer = start(&seen, SLOT_PLACE_END);
    uint64_t base = tick_ns() + 500 * MS;
    for (size_t i = 0; i < SLOTS; i++) {
        slots[i] = (struct slot){.owners = 1, .deadline_ns = base + i * 73 % SLOTS * 50000};
        slot_timer_add(timer, &slots[i], slots[i].deadline_ns);
    }
    for (size_t i = 0; i < SLOTS; i += 4)
        slot_timer_remove(&slots[i]);
    wait_for(&seen, SLOTS - SLOTS / 4);
    for (size_t i = 0; i < SLOTS; i++)
        slot_timer_remove(&slots[i]); // those that came, too
    end(timer);
    assert_int_equal(seen.count, SLOTS - SLOTS / 4);
    for (size_t i = 0; i < seen.count; i++) {
        assert_true((seen.slots[i] - slots) % 4 != 0);
        assert_true(i == 0 || seen.slots[i - 1]->deadline_ns <= seen.slots[i]->deadline_ns);
    }
}

// Two threads watch one slot, each at its time; one removal takes it from both.
static void test_a_slot_in_two_heaps(void **state)
{
    (void)state;
    static struct slot slots[2];
    static struct seen seen, ahead_seen;
    struct slot_timer *timer = start(&seen, SLOT_PLACE_END);
    struct slot_timer *ahead = start(&ahead_seen, SLOT_PLACE_AHEAD);
    for (size_t i = 0; i < 2; i++) {
        slots[i] = (struct slot){.owners = 1};
        slot_timer_add(timer, &slots[i], tick_ns() + (i == 0 ? 20 * MS : (uint64_t)3600000 * MS));
        slot_timer_add(ahead, &slots[i], i == 0 ? 1 : tick_ns() + (uint64_t)3600000 * MS);
    }
    wait_for(&ahead_seen, 1);
    wait_for(&seen, 1);
    slot_timer_remove(&slots[1]);
    end(timer); // asserts that nothing is watched
    end(ahead);
    assert_ptr_equal(ahead_seen.slots[0], &slots[0]);
    assert_ptr_equal(seen.slots[0], &slots[0]);
    assert_int_equal(ahead_seen.count + seen.count, 2);
}

static void test_a_slot_that_nobody_watches_may_be_removed(void **state)
{
    (void)state;
    struct slot never = {.state = SLOT_QUEUED};
    slot_timer_remove(&never);
    assert_int_equal(slot_state(&never), SLOT_QUEUED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due_in_order_and_not_before),
        cmocka_unit_test(test_what_was_removed_is_not_due),
        cmocka_unit_test(test_a_slot_in_two_heaps),
        cmocka_unit_test(test_a_slot_that_nobody_watches_may_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
