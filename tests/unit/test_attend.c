// server/attend: when the service manager is told that the daemon is well.
#include "server/attend.h"

#include "tests/support/check.h"

static void test_who_is_well(void **state)
{
    (void)state;
    const uint64_t second = 1000000000, now = 100 * second;
    const struct {
        uint64_t turned_ns, period_ns;
        enum pulse_state pulse;
        bool well;
    } rows[] = {
        {now, 20 * second, PULSE_GOOD, true},
        {now + 1, 20 * second, PULSE_GOOD, true}, // went round since the clock was read
        {now - 20 * second, 20 * second, PULSE_GOOD, true},
        {now - 20 * second - 1, 20 * second, PULSE_GOOD, false}, // a thread hangs
        {0, 20 * second, PULSE_GOOD, false},
        {now - second, second / 10, PULSE_GOOD, true}, // idle: a short period does not matter
        {now - second - 1, second / 10, PULSE_GOOD, false},
        {now, 20 * second, PULSE_NO_MODEL, true},
        {now - 21 * second, 20 * second, PULSE_NO_MODEL, false},
        {now, 20 * second, PULSE_OLD, true},
        {now, 20 * second, PULSE_FAILED, false}, // memory is bad
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(attend_is_well(rows[i].pulse, rows[i].turned_ns, now, rows[i].period_ns),
                         rows[i].well);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
