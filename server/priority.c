#include "server/priority.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The shortest and the longest slice that the kernel knows, and some between.
enum {
    PRIORITY_PROMPT_NS = 100000,
    PRIORITY_SOON_NS = 2000000,
    PRIORITY_STEADY_NS = 50000000,
    PRIORITY_BEHIND_NS = 100000000,
    PRIORITY_TIMER_SLACK_NS = 1000,
    // Behind every thread that serves, but not so far that a busy machine never loads a model.
    PRIORITY_NICE = 10,
    PRIORITY_NICE_MOST = 19,
};

// glibc 2.36 has neither the call nor the struct; this is linux/sched/types.h, first version.
struct priority_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

// Who has given the daemon a class of its own, or a nice value, keeps that.
static bool get(struct priority_attr *ret_attr)
{
    return syscall(SYS_sched_getattr, 0, ret_attr, sizeof(*ret_attr), 0) == 0 &&
           (ret_attr->policy == SCHED_OTHER || ret_attr->policy == SCHED_BATCH);
}

static void set(struct priority_attr *attr, uint64_t slice_ns)
{
    attr->runtime_ns = slice_ns;
    (void)syscall(SYS_sched_setattr, 0, attr, 0);
}

static void set_slice(uint64_t slice_ns)
{
    struct priority_attr attr;
    if (get(&attr))
        set(&attr, slice_ns);
}

static void have_exact_timers(void)
{
    (void)prctl(PR_SET_TIMERSLACK, PRIORITY_TIMER_SLACK_NS, 0, 0, 0);
}

void priority_prompt(void)
{
    have_exact_timers();
    set_slice(PRIORITY_PROMPT_NS);
}

void priority_soon(void)
{
    have_exact_timers();
    set_slice(PRIORITY_SOON_NS);
}

void priority_steady(void)
{
    set_slice(PRIORITY_STEADY_NS);
}

void priority_behind(void)
{
    struct priority_attr attr;
    if (!get(&attr))
        return;
    attr.policy = SCHED_BATCH;
    attr.nice += PRIORITY_NICE;
    if (attr.nice > PRIORITY_NICE_MOST)
        attr.nice = PRIORITY_NICE_MOST;
    set(&attr, PRIORITY_BEHIND_NS);
}
