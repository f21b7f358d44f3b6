// server/attend: when the service manager is told that the daemon is well.
#include "server/attend.h"

#include "tests/support/check.h"

static void test_who_is_well(void **state)
{
    (void)state;
    const uint64_t second = 1000000000, now = 100 * second;
    const struct {
        enum pulse_state pulse;
        uint64_t turned_ns, period_ns;
        bool well;
    } rows[] = {
        {PULSE_GOOD, now, 20 * second, true},
        {PULSE_GOOD, now + 1, 20 * second, true}, // went round since the clock was read
        {PULSE_GOOD, now - 20 * second, 20 * second, true},
        {PULSE_GOOD, now - 20 * second - 1, 20 * second, false}, // a thread hangs
        {PULSE_GOOD, 0, 20 * second, false},
        {PULSE_GOOD, now - second, second / 10, true}, // idle: a short period does not matter
        {PULSE_GOOD, now - second - 1, second / 10, false},
        {PULSE_NO_MODEL, now, 20 * second, true},
        {PULSE_NO_MODEL, now - 21 * second, 20 * second, false},
        {PULSE_OLD, now, 20 * second, true},
        {PULSE_FAILED, now, 20 * second, false}, // memory is bad
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
