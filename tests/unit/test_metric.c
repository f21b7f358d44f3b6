// Oracle: the Prometheus text exposition format 0.0.4, written out by hand.
#include "base/metric.h"
#include "tests/support/check.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS, READY, LATENCY, FAULTS, STAGE, FAMILIES };

static const char *const routes[] = {"/v1/rank", "a\"b\\c\nd"};
static const char *const codes[] = {"200", "400", "503"};
static const double bounds[] = {0.005, 0.1, 1, 2.5};

static const struct metric_desc descs[FAMILIES] = {
    {"t_requests_total", METRIC_COUNTER, "route", routes, 2, "code", codes, 3, NULL, 0,
     "Requests by route and code.", NULL, NULL},
    {"t_ready", METRIC_GAUGE, NULL, NULL, 1, NULL, NULL, 0, NULL, 0, "1 when\nready \\ \"set\".",
     NULL, NULL},
    {"t_latency_seconds", METRIC_HISTOGRAM, NULL, NULL, 1, NULL, NULL, 0, bounds, 4, "Latency.",
     NULL, NULL},
    {"t_faults_total", METRIC_COUNTER, NULL, NULL, 1, NULL, NULL, 0, NULL, 0, "Faults.", NULL,
     NULL},
    {"t_stage_seconds", METRIC_HISTOGRAM, "stage", routes, 2, NULL, NULL, 1, bounds, 1, "Stages.",
     NULL, NULL},
};

static void expose(const struct metric_set *set, bool openmetrics, struct buf *out)
{
    const struct metric_part whole = {set, ""};
    metric_expose(&whole, 1, openmetrics, out);
    metric_end(openmetrics, out);
}

static void test_exposition(void **state)
{
    (void)state;
    struct metric_set *set = metric_new(descs, FAMILIES, 2);
    struct metric_shard *one = metric_shard(set, 0), *two = metric_shard(set, 1);
    metric_add(one, REQUESTS, 0 * 3 + 1, 2);
    metric_add(two, REQUESTS, 0 * 3 + 1, 40);
    metric_add(two, REQUESTS, 1 * 3 + 2, 1);
    metric_gauge(set, READY, 0, 0.1);
    // On a bound counts below it; over the last one is in +Inf only.
    metric_observe(one, LATENCY, 0, 0.005);
    metric_observe(two, LATENCY, 0, 0.0625);
    metric_observe(two, LATENCY, 0, 2.5);
    metric_observe(one, LATENCY, 0, 4);
    metric_observe(one, STAGE, 1, 0.25);
    struct buf out;
    buf_init(&out, 1 << 20);
    expose(set, false, &out);
    assert_int_equal(buf_status(&out), STATUS_OK);
    assert_string_equal(out.data,
                        "# HELP t_requests_total Requests by route and code.\n"
                        "# TYPE t_requests_total counter\n"
                        "t_requests_total{route=\"/v1/rank\",code=\"400\"} 42\n"
                        "t_requests_total{route=\"a\\\"b\\\\c\\nd\",code=\"503\"} 1\n"
                        "# HELP t_ready 1 when\\nready \\\\ \"set\".\n"
                        "# TYPE t_ready gauge\n"
                        "t_ready 0.1\n"
                        "# HELP t_latency_seconds Latency.\n"
                        "# TYPE t_latency_seconds histogram\n"
                        "t_latency_seconds_bucket{le=\"0.005\"} 1\n"
                        "t_latency_seconds_bucket{le=\"0.1\"} 2\n"
                        "t_latency_seconds_bucket{le=\"1\"} 2\n"
                        "t_latency_seconds_bucket{le=\"2.5\"} 3\n"
                        "t_latency_seconds_bucket{le=\"+Inf\"} 4\n"
                        "t_latency_seconds_sum 6.5675\n"
                        "t_latency_seconds_count 4\n"
                        "# HELP t_faults_total Faults.\n"
                        "# TYPE t_faults_total counter\n"
                        "t_faults_total 0\n"
                        "# HELP t_stage_seconds Stages.\n"
                        "# TYPE t_stage_seconds histogram\n"
                        "t_stage_seconds_bucket{stage=\"/v1/rank\",le=\"0.005\"} 0\n"
                        "t_stage_seconds_bucket{stage=\"/v1/rank\",le=\"+Inf\"} 0\n"
                        "t_stage_seconds_sum{stage=\"/v1/rank\"} 0\n"
                        "t_stage_seconds_count{stage=\"/v1/rank\"} 0\n"
                        "t_stage_seconds_bucket{stage=\"a\\\"b\\\\c\\nd\",le=\"0.005\"} 0\n"
                        "t_stage_seconds_bucket{stage=\"a\\\"b\\\\c\\nd\",le=\"+Inf\"} 1\n"
                        "t_stage_seconds_sum{stage=\"a\\\"b\\\\c\\nd\"} 0.25\n"
                        "t_stage_seconds_count{stage=\"a\\\"b\\\\c\\nd\"} 1\n");
    buf_fini(&out);
    metric_free(set);
    metric_free(NULL);
}

static void test_sums_and_gauges(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{NAN, "t_ready NaN\n"},
                 {INFINITY, "t_ready +Inf\n"},
                 {-INFINITY, "t_ready -Inf\n"},
                 {-2.5, "t_ready -2.5\n"},
                 {1e300, "t_ready 1e+300\n"}};
    struct metric_set *set = metric_new(descs, FAMILIES, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        metric_gauge(set, READY, 0, cases[i].value);
        expose(set, false, &out);
        assert_non_null(strstr(out.data, cases[i].text));
        buf_fini(&out);
    }
    for (unsigned i = 0; i < 3; i++)
        metric_add(metric_shard(set, i), FAULTS, 0, 100 + i);
    assert_true(metric_sum(set, FAULTS, 0) == 303);
    assert_true(metric_sum(set, READY, 0) == 1e300);
    assert_true(metric_sum(set, REQUESTS, 5) == 0);
    metric_free(set);
}

static const char *const verbs[] = {"POST", "GET"};
static const struct metric_desc few[] = {
    {"t_hits_total", METRIC_COUNTER, "route", routes, 1, NULL, NULL, 0, NULL, 0, "Hits.", "method",
     verbs},
    {"t_wait_seconds", METRIC_HISTOGRAM, NULL, NULL, 1, NULL, NULL, 0, bounds + 1, 2, "Wait.", NULL,
     NULL},
};

// Two parts: each family once, with the samples of both; counters named without _total.
static void test_parts_as_openmetrics(void **state)
{
    (void)state;
    struct metric_set *one = metric_new(few, 2, 1), *two = metric_new(few, 2, 2);
    const struct metric_part parts[] = {{one, "v=\"1\""}, {two, "v=\"2\""}};
    struct buf out;
    buf_init(&out, 1 << 20);
    metric_add(metric_shard(one, 0), 0, 0, 3);
    metric_total(two, 0, 0, 5);
    metric_observe(metric_shard(two, 1), 1, 0, 0.5);
    metric_expose(parts, 2, true, &out);
    metric_family("t_more_total", METRIC_COUNTER, "More.", true, &out);
    metric_end(true, &out);
    assert_string_equal(out.data, "# HELP t_hits Hits.\n"
                                  "# TYPE t_hits counter\n"
                                  "t_hits_total{v=\"1\",route=\"/v1/rank\",method=\"POST\"} 3\n"
                                  "t_hits_total{v=\"2\",route=\"/v1/rank\",method=\"POST\"} 5\n"
                                  "# HELP t_wait_seconds Wait.\n"
                                  "# TYPE t_wait_seconds histogram\n"
                                  "t_wait_seconds_bucket{v=\"1\",le=\"0.1\"} 0\n"
                                  "t_wait_seconds_bucket{v=\"1\",le=\"1.0\"} 0\n"
                                  "t_wait_seconds_bucket{v=\"1\",le=\"+Inf\"} 0\n"
                                  "t_wait_seconds_sum{v=\"1\"} 0\n"
                                  "t_wait_seconds_count{v=\"1\"} 0\n"
                                  "t_wait_seconds_bucket{v=\"2\",le=\"0.1\"} 0\n"
                                  "t_wait_seconds_bucket{v=\"2\",le=\"1.0\"} 1\n"
                                  "t_wait_seconds_bucket{v=\"2\",le=\"+Inf\"} 1\n"
                                  "t_wait_seconds_sum{v=\"2\"} 0.5\n"
                                  "t_wait_seconds_count{v=\"2\"} 1\n"
                                  "# HELP t_more More.\n"
                                  "# TYPE t_more counter\n"
                                  "# EOF\n");
    buf_fini(&out);
    metric_free(one);
    metric_free(two);
}

enum { WRITERS = 3, ROUNDS = 20000 };

struct writer {
    struct metric_shard *shard;
    _Atomic unsigned *left; // writers that are still at work
};

static void *write_metrics(void *arg)
{
    struct writer *writer = arg;
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(writer->shard, FAULTS, 0, 1);
        metric_observe(writer->shard, LATENCY, 0, i % 2 == 0 ? 0.0625 : 3);
    }
    atomic_fetch_sub(writer->left, 1);
    return NULL;
}

static unsigned long long sample(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    assert_non_null(found);
    return strtoull(found + strlen(name), NULL, 10);
}

// A scrape beside the writers: counts never fall, and every text is consistent in itself.
static void test_concurrent_scrape(void **state)
{
    (void)state;
    struct metric_set *set = metric_new(descs, FAMILIES, WRITERS);
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    _Atomic unsigned left = WRITERS;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){metric_shard(set, i), &left};
        assert_int_equal(pthread_create(&threads[i], NULL, write_metrics, &writers[i]), 0);
    }
    unsigned long long last = 0;
    for (bool running = true; running;) {
        running = atomic_load(&left) > 0;
        struct buf out;
        buf_init(&out, 1 << 20);
        expose(set, false, &out);
        unsigned long long count = sample(out.data, "t_latency_seconds_count ");
        assert_true(count >= last);
        assert_int_equal(count, sample(out.data, "t_latency_seconds_bucket{le=\"+Inf\"} "));
        last = count;
        buf_fini(&out);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(last, WRITERS * ROUNDS);
    assert_true(metric_sum(set, FAULTS, 0) == WRITERS * ROUNDS);
    metric_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exposition),
        cmocka_unit_test(test_sums_and_gauges),
        cmocka_unit_test(test_parts_as_openmetrics),
        cmocka_unit_test(test_concurrent_scrape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
