#include "server/priority.h"

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PRIORITY_SLICE_NS = 100000, PRIORITY_TIMER_SLACK_NS = 1000 };

// glibc 2.36 has neither the call nor the struct; this is linux/sched/types.h, first version.
struct priority_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void priority_prompt(void)
{
    (void)prctl(PR_SET_TIMERSLACK, PRIORITY_TIMER_SLACK_NS, 0, 0, 0);
    struct priority_attr attr = {.size = sizeof(attr), .runtime_ns = PRIORITY_SLICE_NS};
    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}
