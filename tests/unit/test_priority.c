// server/priority: what the kernel knows of a thread afterwards. A kernel that does not keep slices
// reads 0 or its own; nothing is said of them there.
#include "server/priority.h"

#include "tests/support/check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

struct seen {
    void (*set)(void);
    int nice_before, nice, policy;
};

static void *run(void *argument)
{
    struct seen *seen = argument;
    if (seen->nice_before != 0 && setpriority(PRIO_PROCESS, (id_t)gettid(), seen->nice_before) != 0)
        return argument;
    seen->set();
    errno = 0;
    seen->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    seen->policy = sched_getscheduler(gettid());
    return errno == 0 ? NULL : argument;
}

static struct seen after(void (*set)(void), int nice_before)
{
    struct seen seen = {.set = set, .nice_before = nice_before};
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, run, &seen), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    return seen;
}

// Nice is relative to the test's own, which may be run as a background job.
static void test_what_serves_keeps_its_nice_value(void **state)
{
    (void)state;
    int own = getpriority(PRIO_PROCESS, 0), lower = own < 15 ? own + 3 : 19;
    struct seen prompt = after(priority_prompt, lower), steady = after(priority_steady, lower);
    assert_int_equal(prompt.nice, lower);
    assert_int_equal(steady.nice, lower);
    assert_int_equal(prompt.policy, SCHED_OTHER);
    assert_int_equal(steady.policy, SCHED_OTHER);
}

static void test_what_loads_stands_behind(void **state)
{
    (void)state;
    int own = getpriority(PRIO_PROCESS, 0);
    struct seen behind = after(priority_behind, 0), last = after(priority_behind, 19);
    assert_int_equal(behind.nice, own + 10 < 19 ? own + 10 : 19);
    assert_int_equal(behind.policy, SCHED_BATCH);
    assert_int_equal(last.nice, 19);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), own); // of this thread only
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_serves_keeps_its_nice_value),
        cmocka_unit_test(test_what_loads_stands_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
