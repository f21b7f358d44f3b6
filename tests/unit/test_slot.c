// server/slot: two owners, one state, a pool that is last-in first-out.
#include "server/slot.h"

#include "proto/json_read.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_a_slot_comes_back_when_both_owners_let_go(void **state)
{
    (void)state;
    struct slot_pool *pool = slot_pool_new(1, 100, 100);
    struct slot *slot = slot_take(pool);
    assert_non_null(slot);
    assert_null(slot_take(pool));
    slot_share(slot);
    slot_release(pool, slot);
    assert_null(slot_take(pool));
    slot_release(pool, slot);
    assert_ptr_equal(slot_take(pool), slot);
    slot_release(pool, slot);
    slot_pool_free(pool);
}

static void test_the_last_one_back_is_the_next_one_out(void **state)
{
    (void)state;
    struct slot_pool *pool = slot_pool_new(3, 100, 100);
    struct slot *a = slot_take(pool), *b = slot_take(pool);
    slot_release(pool, a);
    slot_release(pool, b);
    assert_ptr_equal(slot_take(pool), b);
    assert_ptr_equal(slot_take(pool), a);
    slot_release(pool, a);
    slot_release(pool, b);
    slot_pool_free(pool);
}

static void test_nothing_of_the_request_before_is_left(void **state)
{
    (void)state;
    struct slot_pool *pool = slot_pool_new(1, 100, 100);
    struct slot *slot = slot_take(pool);
    buf_text(&slot->body, "body");
    buf_text(&slot->reply, "reply");
    assert_int_equal(slot_seal(slot), STATUS_OK);
    slot->outcome = STATUS_DEADLINE;
    slot->deadline_ns = slot->discarded = 7;
    assert_true(slot_move(slot, SLOT_READING, SLOT_DONE));
    slot_release(pool, slot);
    slot = slot_take(pool);
    assert_int_equal(slot->body.size + slot->reply.size + slot->body_size + slot->discarded, 0);
    assert_int_equal(slot->deadline_ns, 0);
    assert_int_equal(slot->outcome, STATUS_OK);
    assert_int_equal(slot_state(slot), SLOT_READING);
    slot_release(pool, slot);
    slot_pool_free(pool);
}

// Also with a body of exactly the limit.
static void test_a_sealed_body_has_zero_bytes_behind_it(void **state)
{
    (void)state;
    struct slot_pool *pool = slot_pool_new(1, 10, 10);
    struct slot *slot = slot_take(pool);
    buf_text(&slot->body, "0123456789");
    assert_int_equal(slot_seal(slot), STATUS_OK);
    assert_int_equal(slot->body_size, 10);
    for (size_t i = 0; i < JSON_READ_PADDING; i++)
        assert_int_equal(slot->body.data[10 + i], 0);
    slot_release(pool, slot);
    slot_pool_free(pool);
}

static void test_a_state_is_left_once(void **state)
{
    (void)state;
    struct slot_pool *pool = slot_pool_new(1, 10, 10);
    struct slot *slot = slot_take(pool);
    assert_false(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_true(slot_move(slot, SLOT_READING, SLOT_QUEUED));
    assert_true(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_false(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_int_equal(slot_state(slot), SLOT_TAKEN);
    slot_release(pool, slot);
    slot_pool_free(pool);
}

enum { TURNS = 20000, THREADS = 4 };

struct player {
    struct slot_pool *pool;
    unsigned char mark;
    size_t faults;
};

// A slot in hand is nobody else's: its body keeps the mark that was written.
static void *play(void *argument)
{
    struct player *player = argument;
    for (size_t i = 0; i < TURNS; i++) {
        struct slot *slot = slot_take(player->pool);
        if (slot == NULL) {
            player->faults++;
            continue;
        }
        buf_append(&slot->body, &player->mark, 1);
        slot_share(slot);
        slot_release(player->pool, slot);
        if (slot->body.size != 1 || (unsigned char)slot->body.data[0] != player->mark)
            player->faults++;
        slot_release(player->pool, slot);
    }
    return NULL;
}

static void test_threads_do_not_share_a_slot(void **state)
{
    (void)state;
    struct slot_pool *pool = slot_pool_new(THREADS, 10, 10);
    struct player players[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        players[i] = (struct player){.pool = pool, .mark = (unsigned char)(i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(players[i].faults, 0);
    }
    slot_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slot_comes_back_when_both_owners_let_go),
        cmocka_unit_test(test_the_last_one_back_is_the_next_one_out),
        cmocka_unit_test(test_nothing_of_the_request_before_is_left),
        cmocka_unit_test(test_a_sealed_body_has_zero_bytes_behind_it),
        cmocka_unit_test(test_a_state_is_left_once),
        cmocka_unit_test(test_threads_do_not_share_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
