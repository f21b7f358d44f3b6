// server/slot: two owners, one state, a pool that is last-in first-out.
#include "server/slot.h"

#include "proto/json_read.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { KEEP = 1 << 20 };

static struct slot_pool *new_pool(size_t count, size_t body, size_t reply, size_t keep)
{
    const struct slot_limits limits = {
        .max_body_bytes = body, .max_reply_bytes = reply, .keep_bytes = keep};
    struct slot_pool *pool = slot_pool_new(count, &limits);
    assert_non_null(pool);
    return pool;
}

static void test_a_slot_comes_back_when_both_owners_let_go(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(1, 100, 100, KEEP);
    struct slot *slot = slot_take(pool);
    assert_non_null(slot);
    assert_null(slot_take(pool));
    slot_share(slot);
    slot_release(slot);
    assert_null(slot_take(pool));
    slot_release(slot);
    assert_ptr_equal(slot_take(pool), slot);
    slot_release(slot);
    slot_pool_free(pool);
}

static void test_the_last_one_back_is_the_next_one_out(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(3, 100, 100, KEEP);
    struct slot *a = slot_take(pool), *b = slot_take(pool);
    slot_release(a);
    slot_release(b);
    assert_ptr_equal(slot_take(pool), b);
    assert_ptr_equal(slot_take(pool), a);
    slot_release(a);
    slot_release(b);
    slot_pool_free(pool);
}

static void test_nothing_of_the_request_before_is_left(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(1, 100, 100, KEEP);
    struct slot *slot = slot_take(pool);
    buf_text(&slot->body, "body");
    buf_text(&slot->reply.body, "reply");
    buf_text(&slot->fallback.body, "fallback");
    assert_int_equal(slot_seal(slot), STATUS_OK);
    slot->reply.code = STATUS_DEADLINE;
    slot->reply.prepared = slot->gzip = slot->closes = true;
    slot->reply.facts.candidates = 3;
    slot->deadline_ns = slot->discarded = 7;
    assert_true(slot_move(slot, SLOT_READING, SLOT_DONE));
    slot_release(slot);
    slot = slot_take(pool);
    assert_int_equal(slot->body.size + slot->reply.body.size + slot->fallback.body.size, 0);
    assert_int_equal(slot->body_size + slot->discarded + slot->reply.facts.candidates, 0);
    assert_false(slot->reply.prepared || slot->gzip || slot->closes);
    assert_int_equal(slot->deadline_ns, 0);
    assert_int_equal(slot->reply.code, STATUS_OK);
    assert_int_equal(slot_state(slot), SLOT_READING);
    slot_release(slot);
    slot_pool_free(pool);
}

// Also with a body of exactly the limit.
static void test_a_sealed_body_has_zero_bytes_behind_it(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(1, 10, 10, KEEP);
    struct slot *slot = slot_take(pool);
    buf_text(&slot->body, "0123456789");
    assert_int_equal(slot_seal(slot), STATUS_OK);
    assert_int_equal(slot->body_size, 10);
    for (size_t i = 0; i < JSON_READ_PADDING; i++)
        assert_int_equal(slot->body.data[10 + i], 0);
    slot_release(slot);
    slot_pool_free(pool);
}

static void test_a_state_is_left_once(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(1, 10, 10, KEEP);
    struct slot *slot = slot_take(pool);
    assert_false(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_true(slot_move(slot, SLOT_READING, SLOT_QUEUED));
    assert_true(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_false(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_int_equal(slot_state(slot), SLOT_TAKEN);
    slot_release(slot);
    slot_pool_free(pool);
}

static void test_the_answer_is_of_who_ended_the_request(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(1, 10, 100, KEEP);
    struct slot *slot = slot_take(pool);
    assert_true(slot_move(slot, SLOT_READING, SLOT_QUEUED));
    assert_true(slot_move(slot, SLOT_QUEUED, SLOT_EXPIRED));
    assert_false(slot_move(slot, SLOT_QUEUED, SLOT_TAKEN));
    assert_ptr_equal(slot_answer(slot), &slot->fallback);
    slot_release(slot);
    slot = slot_take(pool);
    assert_true(slot_move(slot, SLOT_READING, SLOT_DONE));
    assert_ptr_equal(slot_answer(slot), &slot->reply);
    slot_release(slot);
    slot_pool_free(pool);
}

// The first slot keeps its 300 bytes of body (in 512 or so), the second would be over the budget.
static void test_free_slots_keep_as_much_as_the_budget_allows(void **state)
{
    (void)state;
    char bytes[300] = {0};
    struct slot_pool *pool = new_pool(2, 1000, 1000, 800);
    struct slot *a = slot_take(pool), *b = slot_take(pool);
    buf_append(&a->body, bytes, sizeof(bytes));
    buf_append(&b->body, bytes, sizeof(bytes));
    slot_release(a);
    slot_release(b);
    assert_true(a->body.capacity >= sizeof(bytes));
    assert_int_equal(b->body.capacity, 0);
    assert_ptr_equal(slot_take(pool), b);
    assert_ptr_equal(slot_take(pool), a); // what it keeps is no longer counted
    buf_append(&b->body, bytes, sizeof(bytes));
    slot_release(b);
    assert_true(b->body.capacity >= sizeof(bytes));
    slot_release(a);
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
        slot_release(slot);
        if (slot->body.size != 1 || (unsigned char)slot->body.data[0] != player->mark)
            player->faults++;
        slot_release(slot);
    }
    return NULL;
}

static void test_threads_do_not_share_a_slot(void **state)
{
    (void)state;
    struct slot_pool *pool = new_pool(THREADS, 10, 10, KEEP);
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
        cmocka_unit_test(test_the_answer_is_of_who_ended_the_request),
        cmocka_unit_test(test_free_slots_keep_as_much_as_the_budget_allows),
        cmocka_unit_test(test_threads_do_not_share_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
