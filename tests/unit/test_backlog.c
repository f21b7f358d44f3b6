// loadtest/backlog: first come, first served, round the end of the ring, and full when it is.
#include "loadtest/backlog.h"
#include "tests/support/check.h"

static void test_order_round_the_end(void **state)
{
    (void)state;
    struct backlog backlog;
    uint64_t in = 0, out = 0;
    assert_int_equal(backlog_init(&backlog, 3), STATUS_OK);
    for (size_t round = 0; round < 10; round++) {
        for (size_t i = 0; i < 3; i++, in++)
            assert_true(
                backlog_put(&backlog, &(struct backlog_job){.planned_ns = in, .request = 7}));
        assert_false(backlog_put(&backlog, &(struct backlog_job){.planned_ns = 999}));
        for (size_t i = 0; i < 2 + round % 2; i++, out++)
            assert_int_equal(backlog_take(&backlog).planned_ns, out);
        while (backlog.count > 0)
            assert_int_equal(backlog_take(&backlog).planned_ns, out++);
        assert_int_equal(in, out);
        // The next round begins elsewhere in the ring.
        assert_true(backlog_put(&backlog, &(struct backlog_job){.request = 5, .again = true}));
        struct backlog_job job = backlog_take(&backlog);
        assert_int_equal(job.request, 5);
        assert_true(job.again);
    }
    backlog_fini(&backlog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_round_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
