#include "model/train/team.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

// Jobs follow each other within microseconds, so waiting spins a little before it sleeps. Longer
// would take the processor from others when the machine has more to do than this.
enum { TEAM_SPINS = 1000 };

struct team_member {
    struct team *team;
    unsigned index; // 0 is the caller
    pthread_t thread;
};

struct team {
    unsigned threads;
    atomic_uint turn; // counts jobs; a change publishes the four fields below
    team_job job;
    void *context;
    size_t shards;
    bool stop;
    atomic_uint busy; // members that have not finished this turn
    pthread_mutex_t mutex;
    pthread_cond_t turned, finished;
    struct team_member members[]; // threads - 1
};

// Which shards a member takes is fixed, so that a shard's memory stays in one core's cache.
static void work(const struct team *team, unsigned index)
{
    for (size_t shard = index; shard < team->shards; shard += team->threads)
        team->job(team->context, shard);
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static unsigned await_turn(struct team *team, unsigned seen)
{
    unsigned turn;
    for (int spin = 0; spin < TEAM_SPINS; spin++) {
        turn = atomic_load_explicit(&team->turn, memory_order_acquire);
        if (turn != seen)
            return turn;
        pause_briefly();
    }
    pthread_mutex_lock(&team->mutex);
    while ((turn = atomic_load_explicit(&team->turn, memory_order_acquire)) == seen)
        pthread_cond_wait(&team->turned, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
    return turn;
}

static void *member_main(void *argument)
{
    struct team_member *member = argument;
    struct team *team = member->team;
    for (unsigned seen = 0;;) {
        seen = await_turn(team, seen);
        if (team->stop)
            return NULL;
        work(team, member->index);
        if (atomic_fetch_sub_explicit(&team->busy, 1, memory_order_acq_rel) == 1) {
            // Under the lock: else it could fall between the caller's look and its sleep.
            pthread_mutex_lock(&team->mutex);
            pthread_cond_signal(&team->finished);
            pthread_mutex_unlock(&team->mutex);
        }
    }
}

static void next_turn(struct team *team)
{
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add_explicit(&team->turn, 1, memory_order_release);
    pthread_cond_broadcast(&team->turned);
    pthread_mutex_unlock(&team->mutex);
}

static void await_members(struct team *team)
{
    for (int spin = 0; spin < TEAM_SPINS; spin++) {
        if (atomic_load_explicit(&team->busy, memory_order_acquire) == 0)
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&team->mutex);
    while (atomic_load_explicit(&team->busy, memory_order_acquire) != 0)
        pthread_cond_wait(&team->finished, &team->mutex);
    pthread_mutex_unlock(&team->mutex);
}

struct team *team_start(unsigned threads)
{
    assert(threads >= 1);
    struct team *team =
        calloc(1, sizeof *team + (size_t)(threads - 1) * sizeof(struct team_member));
    if (!team)
        return NULL;
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->turned, NULL);
    pthread_cond_init(&team->finished, NULL);
    team->threads = 1;
    while (team->threads < threads) {
        struct team_member *member = &team->members[team->threads - 1];
        *member = (struct team_member){.team = team, .index = team->threads};
        if (pthread_create(&member->thread, NULL, member_main, member) != 0) {
            team_stop(team);
            return NULL;
        }
        team->threads++;
    }
    return team;
}

void team_stop(struct team *team)
{
    if (!team)
        return;
    team->stop = true;
    next_turn(team);
    for (unsigned i = 0; i + 1 < team->threads; i++)
        pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->finished);
    pthread_cond_destroy(&team->turned);
    pthread_mutex_destroy(&team->mutex);
    free(team);
}

void team_run(struct team *team, size_t shards, team_job job, void *context)
{
    team->job = job;
    team->context = context;
    team->shards = shards;
    bool alone = team->threads == 1 || shards <= 1;
    if (!alone) {
        atomic_store_explicit(&team->busy, team->threads - 1, memory_order_relaxed);
        next_turn(team);
    }
    work(team, 0);
    if (!alone)
        await_members(team);
}
