#include "base/queue.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <stdatomic.h>

static void test_order_and_ceiling(void **state)
{
    (void)state;
    int items[4];
    void *item = NULL;
    struct queue *queue = queue_new(3);
    assert_non_null(queue);
    // Around the ring several times, so that every start position is seen.
    for (int round = 0; round < 7; round++) {
        assert_int_equal(queue_depth(queue), 0);
        for (int i = 0; i < 3; i++)
            assert_true(queue_put(queue, &items[i]));
        assert_false(queue_put(queue, &items[3]));
        assert_int_equal(queue_depth(queue), 3);
        assert_true(queue_take(queue, &item));
        assert_ptr_equal(item, &items[0]);
        assert_true(queue_put(queue, &items[3]));
        for (int i = 1; i < 4; i++) {
            assert_true(queue_take(queue, &item));
            assert_ptr_equal(item, &items[i]);
        }
        assert_true(queue_put(queue, &items[0])); // moves the start by one
        assert_true(queue_take(queue, &item));
    }
    queue_free(queue);
}

static void test_close(void **state)
{
    (void)state;
    int value;
    void *item = NULL;
    struct queue *queue = queue_new(2);
    assert_true(queue_put(queue, &value));
    queue_close(queue);
    assert_false(queue_put(queue, &value));
    assert_true(queue_take(queue, &item));
    assert_ptr_equal(item, &value);
    item = NULL;
    assert_false(queue_take(queue, &item));
    assert_null(item);
    queue_free(queue);
    queue_free(NULL);
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 20000, ITEMS = PRODUCERS * EACH };

struct work {
    struct queue *queue;
    _Atomic unsigned seen[ITEMS];
    unsigned char items[ITEMS];
};

struct producer {
    struct work *work;
    size_t first;
};

static void *produce(void *arg)
{
    const struct producer *producer = arg;
    for (size_t i = producer->first; i < producer->first + EACH;)
        if (queue_put(producer->work->queue, &producer->work->items[i]))
            i++;
    return NULL;
}

static void *consume(void *arg)
{
    struct work *work = arg;
    void *item;
    while (queue_take(work->queue, &item))
        atomic_fetch_add(&work->seen[(unsigned char *)item - work->items], 1);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static struct work work;
    pthread_t consumers[CONSUMERS], producers[PRODUCERS];
    struct producer starts[PRODUCERS];
    work.queue = queue_new(16);
    for (size_t i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, &work), 0);
    for (size_t i = 0; i < PRODUCERS; i++) {
        starts[i] = (struct producer){&work, i * EACH};
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &starts[i]), 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_join(producers[i], NULL), 0);
    queue_close(work.queue); // wakes those who wait; what is left is still taken
    for (size_t i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_join(consumers[i], NULL), 0);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(work.seen[i], 1);
    queue_free(work.queue);
}

static bool is_odd(void *item)
{
    return *(const int *)item % 2 == 1;
}

// Also where the ring goes over its end.
static void test_sweep_keeps_the_order_of_the_rest(void **state)
{
    (void)state;
    enum { ROOM = 6 };
    int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct queue *queue = queue_new(ROOM);
    void *item;
    for (int i = 0; i < 4; i++)
        assert_true(queue_put(queue, &numbers[i]));
    for (int i = 0; i < 3; i++)
        assert_true(queue_take(queue, &item));
    for (int i = 4; i < 9; i++)
        assert_true(queue_put(queue, &numbers[i])); // 3 .. 8
    assert_false(queue_put(queue, &numbers[0]));
    assert_int_equal(queue_sweep(queue, is_odd), 3);
    assert_int_equal(queue_sweep(queue, is_odd), 0);
    assert_true(queue_put(queue, &numbers[1]));
    static const int wanted[] = {4, 6, 8, 1};
    for (size_t i = 0; i < 4; i++) {
        assert_true(queue_take(queue, &item));
        assert_int_equal(*(int *)item, wanted[i]);
    }
    assert_int_equal(queue_depth(queue), 0);
    queue_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_keeps_the_order_of_the_rest),
        cmocka_unit_test(test_order_and_ceiling),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
