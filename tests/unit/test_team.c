// Every shard is done once, by the member it belongs to, before team_run returns.
#include "model/train/team.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SHARDS = 64 };

struct work {
    unsigned times[MAX_SHARDS]; // each shard's own, so no lock: a race is seen by ThreadSanitizer
    pthread_t who[MAX_SHARDS];
    double value[MAX_SHARDS];
};

static void job(void *context, size_t shard)
{
    struct work *work = context;
    work->times[shard]++;
    work->who[shard] = pthread_self();
}

static void every_shard_once(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 5; threads++) {
        struct team *team = team_start(threads);
        assert_non_null(team);
        for (size_t shards = 0; shards <= 12; shards++) {
            struct work work = {0};
            team_run(team, shards, job, &work);
            for (size_t i = 0; i < MAX_SHARDS; i++)
                assert_int_equal(work.times[i], i < shards);
            for (size_t i = threads; i < shards; i++)
                assert_true(pthread_equal(work.who[i], work.who[i - threads]));
        }
        team_stop(team);
    }
}

static void members_are_threads(void **state)
{
    (void)state;
    struct team *team = team_start(3);
    struct work work = {0};
    assert_non_null(team);
    team_run(team, 3, job, &work);
    assert_true(pthread_equal(work.who[0], pthread_self()));
    assert_false(pthread_equal(work.who[0], work.who[1]));
    assert_false(pthread_equal(work.who[0], work.who[2]));
    assert_false(pthread_equal(work.who[1], work.who[2]));
    team_stop(team);
}

// Each turn reads what another member wrote in the turn before.
static void neighbour(void *context, size_t shard)
{
    struct work *work = context;
    work[1].value[shard] = work[0].value[(shard + 1) % 4] + 1;
}

static void a_turn_sees_the_one_before(void **state)
{
    (void)state;
    struct team *team = team_start(4);
    assert_non_null(team);
    struct work work[2] = {0};
    for (int turn = 0; turn < 5000; turn++) {
        team_run(team, 4, neighbour, work);
        memcpy(work[0].value, work[1].value, sizeof(work[0].value));
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(work[0].value[i] == 5000);
    team_stop(team);
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    unsigned arrived;
};

// Returns only when all shards run at the same time.
static void meet(void *context, size_t shard)
{
    struct gate *gate = context;
    (void)shard;
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->moved);
    while (gate->arrived < 3)
        pthread_cond_wait(&gate->moved, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void shards_run_at_the_same_time(void **state)
{
    (void)state;
    struct team *team = team_start(3);
    assert_non_null(team);
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    team_run(team, 3, meet, &gate);
    assert_int_equal(gate.arrived, 3);
    team_stop(team);
}

static void stopping_an_idle_or_absent_team(void **state)
{
    (void)state;
    team_stop(NULL);
    for (int i = 0; i < 50; i++) {
        struct team *team = team_start(4);
        assert_non_null(team);
        team_stop(team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shard_once),
        cmocka_unit_test(members_are_threads),
        cmocka_unit_test(a_turn_sees_the_one_before),
        cmocka_unit_test(shards_run_at_the_same_time),
        cmocka_unit_test(stopping_an_idle_or_absent_team),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
