// server/deadline: who is expired, in what order, and who is not.
#include "server/deadline.h"

#include "base/tick.h"
#include "tests/support/check.h"

#include <pthread.h>

enum { SLOTS = 200, MS = 1000000 };

// What the deadline thread did, in order.
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t more;
    size_t count;
    struct slot *slots[SLOTS];
    bool taken[SLOTS];
    uint64_t at_ns[SLOTS];
};

static void note(void *context, struct slot *slot, bool taken)
{
    struct seen *seen = context;
    pthread_mutex_lock(&seen->lock);
    seen->slots[seen->count] = slot;
    seen->taken[seen->count] = taken;
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

static struct deadline *start(struct seen *seen)
{
    struct deadline *deadline;
    *seen = (struct seen){.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    assert_int_equal(deadline_start(SLOTS, note, seen, &deadline, NULL), STATUS_OK);
    return deadline;
}

static void end(struct deadline *deadline)
{
    deadline_stop(deadline);
    deadline_free(deadline);
}

static void test_expires_in_the_order_of_deadlines_and_not_before(void **state)
{
    (void)state;
    static struct slot slots[SLOTS];
    static struct seen seen;
    struct deadline *deadline = start(&seen);
    uint64_t base = tick_ns() + 20 * MS;
    for (size_t i = 0; i < SLOTS; i++) { // 37 and 200 share no factor: every place once, mixed
        slots[i] =
            (struct slot){.state = SLOT_QUEUED, .deadline_ns = base + i * 37 % SLOTS * 50000};
        if (i % 2 == 1)
            atomic_store(&slots[i].state, SLOT_TAKEN);
        deadline_add(deadline, &slots[i]);
    }
    wait_for(&seen, SLOTS);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal(slot_state(seen.slots[i]), SLOT_EXPIRED);
        assert_int_equal(seen.taken[i], (seen.slots[i] - slots) % 2);
        assert_true(seen.at_ns[i] >= seen.slots[i]->deadline_ns);
        assert_true(i == 0 || seen.slots[i - 1]->deadline_ns <= seen.slots[i]->deadline_ns);
    }
    end(deadline);
}

// Also from the middle of the heap; the others still come in order.
static void test_what_was_removed_or_done_is_left_alone(void **state)
{
    (void)state;
    static struct slot slots[SLOTS];
    static struct seen seen;
    struct deadline *deadline = start(&seen);
    uint64_t base = tick_ns() + 50 * MS;
    for (size_t i = 0; i < SLOTS; i++) {
        slots[i] = (struct slot){.state = SLOT_TAKEN, .deadline_ns = base + i * 73 % SLOTS * 50000};
        deadline_add(deadline, &slots[i]);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        if (i % 4 == 0)
            deadline_remove(deadline, &slots[i]);
        if (i % 4 == 1)
            assert_true(slot_move(&slots[i], SLOT_TAKEN, SLOT_DONE));
    }
    wait_for(&seen, SLOTS / 2);
    for (size_t i = 0; i < SLOTS; i++)
        deadline_remove(deadline, &slots[i]); // those that were done before it came to them
    for (size_t i = 0; i < SLOTS; i++)
        assert_int_equal(slot_state(&slots[i]), i % 4 == 0   ? SLOT_TAKEN
                                                : i % 4 == 1 ? SLOT_DONE
                                                             : SLOT_EXPIRED);
    assert_int_equal(seen.count, SLOTS / 2);
    end(deadline);
}

static void test_a_slot_without_a_deadline_is_not_watched(void **state)
{
    (void)state;
    static struct seen seen;
    struct deadline *deadline = start(&seen);
    struct slot never = {.state = SLOT_QUEUED};
    struct slot now = {.state = SLOT_QUEUED, .deadline_ns = 1};
    deadline_add(deadline, &never);
    deadline_add(deadline, &now);
    wait_for(&seen, 1);
    assert_ptr_equal(seen.slots[0], &now);
    deadline_remove(deadline, &never);
    end(deadline);
}

enum { RACES = 3000 };

// A worker and the deadline thread want the same slot at the same time: one of them gets it.
static void test_one_of_two_ends_a_request(void **state)
{
    (void)state;
    static struct seen seen;
    struct deadline *deadline = start(&seen);
    size_t done = 0;
    for (size_t i = 0; i < RACES; i++) {
        struct slot slot = {.state = SLOT_TAKEN, .deadline_ns = tick_ns() + i % 40 * 1000};
        deadline_add(deadline, &slot);
        while (tick_ns() < slot.deadline_ns)
            ;
        bool mine = slot_move(&slot, SLOT_TAKEN, SLOT_DONE);
        deadline_remove(deadline, &slot);
        if (!mine)
            wait_for(&seen, 1); // `slot` is on our stack: the thread has done with it
        assert_int_equal(seen.count, mine ? 0 : 1);
        done += mine;
        seen.count = 0;
    }
    print_message("ended by the worker %zu, by its deadline %zu\n", done, RACES - done);
    end(deadline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expires_in_the_order_of_deadlines_and_not_before),
        cmocka_unit_test(test_what_was_removed_or_done_is_left_alone),
        cmocka_unit_test(test_a_slot_without_a_deadline_is_not_watched),
        cmocka_unit_test(test_one_of_two_ends_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
