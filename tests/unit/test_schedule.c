// loadtest/schedule: rate, spread and repeatability of arrivals.
#include "loadtest/schedule.h"
#include "tests/support/check.h"

#include <math.h>

enum { COUNT = 200000 };

// Gaps of a Poisson process are exponential: mean and deviation are both 1 / rate. The mean of
// COUNT is within 5 of its own deviations.
static void test_poisson(void **state)
{
    (void)state;
    struct schedule schedule;
    schedule_start(&schedule, 1000, true, 7, 0);
    double last = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double now = (double)schedule_next(&schedule);
        assert_true(now >= last);
        sum += now - last;
        squares += (now - last) * (now - last);
        last = now;
    }
    double mean = sum / COUNT, deviation = sqrt(squares / COUNT - mean * mean);
    assert_true(fabs(mean - 1e6) < 5 * 1e6 / sqrt(COUNT));
    assert_true(fabs(deviation - 1e6) < 5 * 1e6 * 2 / sqrt(COUNT));
}

static void test_constant(void **state)
{
    (void)state;
    struct schedule schedule;
    schedule_start(&schedule, 400, false, 7, 3);
    uint64_t first = schedule_next(&schedule);
    assert_true(first < 2500000);
    for (uint64_t i = 1; i < 1000; i++) {
        uint64_t now = schedule_next(&schedule), want = first + i * 2500000;
        assert_true(now + 1 >= want && now <= want + 1);
    }
}

static void test_equal_seeds_give_equal_times(void **state)
{
    (void)state;
    struct schedule a, b, other;
    schedule_start(&a, 50, true, 1, 2);
    schedule_start(&b, 50, true, 1, 2);
    schedule_start(&other, 50, true, 1, 3);
    size_t differ = 0;
    for (size_t i = 0; i < 100; i++) {
        uint64_t now = schedule_next(&a);
        assert_true(now == schedule_next(&b));
        differ += now != schedule_next(&other);
    }
    assert_true(differ > 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poisson),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_equal_seeds_give_equal_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
