#include "server/admit.h"

#include <assert.h>

// A request counts e^-1 after about this many others.
enum { ADMIT_MEMORY = 256 };
// The longest of the recent ones may be so many times what is called short: interrupts and page
// faults count as its CPU, too.
enum { ADMIT_OUTLIER = 4 };
// The line is trusted for bodies up to so many times the longest that it has seen.
enum { ADMIT_BEYOND = 2 };
// A wait that is foreseen is a mean, and some take longer. Half of the time that there is keeps the
// workers as busy as all of it would, and leaves the rest to bad luck.
static const double admit_margin = 2.0;
enum { ADMIT_MOST_RETRY_S = 30 };

void admit_init(struct admit *admit, size_t max_bytes, unsigned workers)
{
    *admit = (struct admit){.max_bytes = max_bytes, .workers = workers};
    pthread_mutex_init(&admit->lock, NULL);
}

void admit_fini(struct admit *admit)
{
    pthread_mutex_destroy(&admit->lock);
}

bool admit_bytes(struct admit *admit, struct slot *slot, size_t more)
{
    size_t before = atomic_fetch_add_explicit(&admit->bytes, more, memory_order_relaxed);
    if (before > admit->max_bytes || more > admit->max_bytes - before) {
        atomic_fetch_sub_explicit(&admit->bytes, more, memory_order_relaxed);
        return false;
    }
    slot->budget = &admit->bytes;
    slot->reserved += more;
    return true;
}

static uint64_t expected_cost_ns(const struct admit *admit, size_t body_bytes)
{
    double at_zero = atomic_load_explicit(&admit->at_zero, memory_order_relaxed);
    double per_byte = atomic_load_explicit(&admit->per_byte, memory_order_relaxed);
    double cost = at_zero + per_byte * (double)body_bytes;
    return cost > 0 ? (uint64_t)cost : 0;
}

bool admit_is_short(const struct admit *admit, size_t body_bytes, uint64_t limit_ns)
{
    uint64_t longest_ns = atomic_load_explicit(&admit->longest_ns, memory_order_relaxed);
    uint64_t most_bytes = atomic_load_explicit(&admit->most_bytes, memory_order_relaxed);
    return longest_ns > 0 && body_bytes / ADMIT_BEYOND <= most_bytes &&
           longest_ns <= ADMIT_OUTLIER * limit_ns &&
           expected_cost_ns(admit, body_bytes) <= limit_ns;
}

// Of what runs, half is done on the average.
static double expected_wait_ns(struct admit *admit)
{
    uint64_t waiting = atomic_load_explicit(&admit->waiting_ns, memory_order_relaxed);
    uint64_t running = atomic_load_explicit(&admit->running_ns, memory_order_relaxed);
    return ((double)waiting + (double)running / 2) / admit->workers;
}

bool admit_in_time(struct admit *admit, size_t body_bytes, uint64_t deadline_ns, uint64_t now_ns)
{
    if (deadline_ns == 0)
        return true;
    // One at a time is let in whatever is expected of it: else a wrong expectation would never be
    // put right.
    double cost_ns = (double)expected_cost_ns(admit, body_bytes), wait_ns = expected_wait_ns(admit);
    double need_ns = wait_ns > 0 ? admit_margin * (wait_ns + cost_ns) : 0;
    return now_ns < deadline_ns && need_ns <= (double)(deadline_ns - now_ns);
}

bool admit_enter(struct admit *admit, struct slot *slot, uint64_t now_ns)
{
    if (!admit_in_time(admit, slot->body_size, slot->deadline_ns, now_ns))
        return false;
    slot->cost_ns = expected_cost_ns(admit, slot->body_size);
    atomic_fetch_add_explicit(&admit->waiting_ns, slot->cost_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&admit->waiting_bytes, slot->body_size, memory_order_relaxed);
    return true;
}

void admit_undo(struct admit *admit, struct slot *slot)
{
    atomic_fetch_sub_explicit(&admit->waiting_ns, slot->cost_ns, memory_order_relaxed);
    atomic_fetch_sub_explicit(&admit->waiting_bytes, slot->body_size, memory_order_relaxed);
}

void admit_take(struct admit *admit, struct slot *slot)
{
    atomic_fetch_add_explicit(&admit->running_ns, slot->cost_ns, memory_order_relaxed);
    admit_undo(admit, slot);
}

static uint64_t larger_of_recent(uint64_t before, uint64_t now)
{
    before -= before / ADMIT_MEMORY;
    return now > before ? now : before;
}

static void learn(struct admit *admit, size_t body_bytes, double y)
{
    const double keep = 1.0 - 1.0 / ADMIT_MEMORY;
    admit->weight = admit->weight * keep + 1.0;
    double share = 1.0 / admit->weight;
    double dx = (double)body_bytes - admit->mean_x, dy = y - admit->mean_y;
    admit->mean_x += share * dx;
    admit->mean_y += share * dy;
    admit->var_x = (1.0 - share) * (admit->var_x + share * dx * dx);
    admit->cov_xy = (1.0 - share) * (admit->cov_xy + share * dx * dy);
    // Equal sizes have no slope; a longer body never costs less.
    double slope = admit->var_x > 1.0 ? admit->cov_xy / admit->var_x : 0.0;
    slope = slope > 0.0 ? slope : 0.0;
    atomic_store_explicit(&admit->per_byte, slope, memory_order_relaxed);
    atomic_store_explicit(&admit->at_zero, admit->mean_y - slope * admit->mean_x,
                          memory_order_relaxed);
    uint64_t most_bytes = atomic_load_explicit(&admit->most_bytes, memory_order_relaxed);
    atomic_store_explicit(&admit->most_bytes, larger_of_recent(most_bytes, body_bytes),
                          memory_order_relaxed);
}

static void note_longest(struct admit *admit, uint64_t cpu_ns)
{
    uint64_t longest_ns = atomic_load_explicit(&admit->longest_ns, memory_order_relaxed);
    atomic_store_explicit(&admit->longest_ns, larger_of_recent(longest_ns, cpu_ns),
                          memory_order_relaxed);
}

void admit_leave(struct admit *admit, struct slot *slot, const struct admit_spent *spent)
{
    atomic_fetch_sub_explicit(&admit->running_ns, slot->cost_ns, memory_order_relaxed);
    pthread_mutex_lock(&admit->lock);
    note_longest(admit, spent->cpu_ns);
    if (spent->wall_ns > 0)
        learn(admit, slot->body_size, (double)spent->wall_ns);
    pthread_mutex_unlock(&admit->lock);
}

unsigned admit_retry_after_s(struct admit *admit)
{
    double seconds = expected_wait_ns(admit) * 1e-9;
    return seconds >= ADMIT_MOST_RETRY_S ? ADMIT_MOST_RETRY_S : (unsigned)seconds + 1;
}
