// Oracle: the C library's own clocks read before and after.
#include "base/tick.h"
#include "tests/support/check.h"

#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    assert_int_equal(clock_gettime(clock, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void test_clocks(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t before = clock_ns(CLOCK_MONOTONIC), now = tick_ns();
        assert_true(before <= now && now <= clock_ns(CLOCK_MONOTONIC));
        double past = tick_seconds_since(now - 1500000000u);
        assert_true(past >= 1.5 && past < 60);
        before = clock_ns(CLOCK_REALTIME) / 1000000u;
        now = tick_wall_ms();
        assert_true(before <= now && now <= clock_ns(CLOCK_REALTIME) / 1000000u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
