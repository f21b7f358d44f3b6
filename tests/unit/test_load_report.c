// loadtest/report: the numbers of a made tally, worked out by hand. Latencies are below 128 ns,
// where a histogram is exact: 99 answers of 1 to 99 ns have their mean and median at 50.
#include "loadtest/report.h"
#include "tests/support/check.h"

#include <string.h>

static void make(struct tally *tally)
{
    assert_int_equal(tally_init(tally, 1), STATUS_OK);
    for (uint64_t ns = 1; ns <= 99; ns++)
        tally_answer(tally, 0, ns <= 97 ? 200 : 503, ns, 40);
    tally_error(tally, 0, TALLY_TIMEOUT);
    tally->planned = tally->windows[0].planned = 100;
    tally->sent = 100;
    tally->retried = 3;
    tally->retry_after = 2;
    hist_add(&tally->lateness, 64);
    hist_add(&tally->waited, 65);
}

static void assert_has(const struct buf *text, const char *piece)
{
    if (strstr(text->data, piece) == NULL)
        fail_msg("'%s' is not in: %s", piece, text->data);
}

static void test_json(void **state)
{
    (void)state;
    static struct tally tally;
    struct buf text;
    buf_init(&text, 1 << 20);
    make(&tally);
    const struct report report = {.tally = &tally,
                                  .seconds = 2,
                                  .start_ns = 12345,
                                  .asked_per_second = 50,
                                  .window_ns = 2000000000,
                                  .deadline_ns = 40};
    report_json(&report, &text);
    static const char *const pieces[] = {
        "{\"seconds\":2.000000,\"interrupted\":false,\"start_ns\":12345,"
        "\"asked_per_second\":50.000000,\"achieved_per_second\":50.000000,\"planned\":100,"
        "\"sent\":100,\"ok\":97,\"in_time\":40,\"retried\":3,\"retry_after\":2,\"fault\":null",
        "\"all\":{\"count\":99,\"mean_ms\":0.000050,\"p50_ms\":0.000050,\"p90_ms\":0.000090,"
        "\"p99_ms\":0.000099,\"p999_ms\":0.000099,\"max_ms\":0.000099}",
        "\"good\":{\"count\":97,\"mean_ms\":0.000049,\"p50_ms\":0.000049",
        "\"lateness\":{\"count\":1,\"mean_ms\":0.000064,\"p50_ms\":0.000064",
        "\"waited\":{\"count\":1,\"mean_ms\":0.000065",
        "\"by_status\":{\"200\":{\"count\":97,",
        "},\"503\":{\"count\":2,",
        "\"errors\":{\"connect\":0,\"reset\":0,\"timeout\":1,\"malformed\":0,\"backlog\":0}",
        "\"windows\":[{\"start_ms\":0.000,\"planned\":100,\"ok\":97,\"other\":2,\"errors\":1,"
        "\"latency\":{\"count\":99,",
    };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_has(&text, pieces[i]);
    buf_fini(&text);
    tally_fini(&tally);
}

static void test_table(void **state)
{
    (void)state;
    static struct tally tally;
    struct buf text;
    buf_init(&text, 1 << 20);
    make(&tally);
    tally.fault = "no Content-Length";
    const struct report_connection connections[] = {{60, 2000000, 1000000}, {40, 3000000, 500000}};
    const struct report report = {.tally = &tally,
                                  .seconds = 2,
                                  .interrupted = true,
                                  .deadline_ns = 40,
                                  .connections = connections,
                                  .connection_count = 2};
    report_table(&report, &text);
    assert_has(&text, "planned 100, sent 100 (50.0/s), answered 99 (49.5/s), 200 97 (48.5/s), "
                      "in time 40 (20.0/s)\n");
    assert_has(&text, "Retry-After: 2 of the answers 429 and 503\n");
    assert_has(&text, "errors: connect 0 reset 0 timeout 1 malformed 0 backlog 0; sent again 3\n");
    assert_has(&text, "the first malformed answer: no Content-Length\n");
    assert_has(&text, "interrupted after 2.0 s");
    assert_has(&text, "connections: 2; answers of one 40 to 60; longest wait 3.000 ms, largest "
                      "median of one 1.000 ms\n");
    buf_fini(&text);
    tally_fini(&tally);
}

// A run that was interrupted before it began to count has no rates.
static void test_no_seconds(void **state)
{
    (void)state;
    static struct tally tally;
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(tally_init(&tally, 0), STATUS_OK);
    const struct report report = {.tally = &tally, .interrupted = true};
    report_json(&report, &text);
    report_table(&report, &text);
    assert_null(strstr(text.data, "nan"));
    assert_null(strstr(text.data, "inf"));
    assert_has(&text, "\"achieved_per_second\":0.000000");
    buf_fini(&text);
    tally_fini(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
