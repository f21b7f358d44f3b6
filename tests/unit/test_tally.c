// loadtest/tally: what is counted where, and that the sums of two threads are those of one.
#include "loadtest/tally.h"
#include "tests/support/check.h"

enum { WINDOWS = 2, NONE = 99 };

// Five answers and an error; deadline 50 ns. Values below 128 stand in buckets of their own.
static void fill(struct tally *tally, size_t from, size_t to)
{
    static const struct {
        size_t window;
        int status;
        uint64_t ns;
    } answers[] = {{0, 200, 50}, {0, 200, 51}, {1, 429, 7}, {NONE, 200, 100}, {1, 700, 9}};
    for (size_t i = from; i < to; i++)
        tally_answer(tally, answers[i].window, answers[i].status, answers[i].ns, 50);
}

static void assert_filled(const struct tally *tally)
{
    assert_int_equal(tally->all.count, 5);
    assert_int_equal(tally->ok, 3);
    assert_int_equal(tally->good.count, 3);
    assert_int_equal(tally->in_time, 1); // 50 is within 50, 51 is not
    assert_int_equal(tally->statuses[200], 3);
    assert_int_equal(tally->statuses[429], 1);
    assert_int_equal(tally->statuses[0], 1); // 700 is none that is known
    assert_int_equal(hist_quantile(tally->by_status[429], 1), 7);
    assert_int_equal(hist_quantile(&tally->all, 0.5), 50);
    assert_int_equal(hist_quantile(&tally->good, 0.5), 51);
    assert_null(tally->by_status[503]);
    assert_int_equal(tally->windows[0].ok, 2);
    assert_int_equal(tally->windows[0].other, 0);
    assert_int_equal(tally->windows[1].ok, 0);
    assert_int_equal(tally->windows[1].other, 2);
    assert_int_equal(hist_quantile(&tally->windows[0].latency, 1), 51);
    assert_int_equal(hist_quantile(&tally->windows[1].latency, 1), 9);
    assert_int_equal(tally->errors[TALLY_RESET], 1);
    assert_int_equal(tally->windows[1].errors, 1);
    assert_int_equal(tally->windows[0].errors, 0);
}

static void test_one_thread(void **state)
{
    (void)state;
    static struct tally tally;
    assert_int_equal(tally_init(&tally, WINDOWS), STATUS_OK);
    fill(&tally, 0, 5);
    tally_error(&tally, 1, TALLY_RESET);
    assert_filled(&tally);
    tally_fini(&tally);
}

static void test_two_threads(void **state)
{
    (void)state;
    static struct tally all, first, second;
    assert_int_equal(tally_init(&all, WINDOWS), STATUS_OK);
    assert_int_equal(tally_init(&first, WINDOWS), STATUS_OK);
    assert_int_equal(tally_init(&second, WINDOWS), STATUS_OK);
    fill(&first, 0, 2);
    fill(&second, 2, 5);
    tally_error(&first, 1, TALLY_RESET);
    first.planned = 3, second.planned = 4;
    first.sent = 2, second.sent = 5;
    first.retry_after = 1, second.retry_after = 6;
    second.retried = 8;
    second.fault = "b";
    first.windows[0].planned = second.windows[0].planned = 2;
    hist_add(&first.lateness, 11);
    hist_add(&second.waited, 12);
    tally_merge(&all, &first);
    tally_merge(&all, &second);
    assert_filled(&all);
    assert_int_equal(all.planned, 7);
    assert_int_equal(all.sent, 7);
    assert_int_equal(all.retry_after, 7);
    assert_int_equal(all.retried, 8);
    assert_string_equal(all.fault, "b");
    assert_int_equal(all.windows[0].planned, 4);
    assert_int_equal(hist_quantile(&all.lateness, 1), 11);
    assert_int_equal(hist_quantile(&all.waited, 1), 12);
    tally_fini(&second);
    tally_fini(&first);
    tally_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
