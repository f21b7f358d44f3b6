// Ranges and quantiles of small data, by hand.
#include "model/train/fit_drift.h"

#include "tests/support/check.h"
#include "tests/support/log_case.h"

#include <math.h>
#include <string.h>

static const struct dataset_options plain = {0};

static const char features[] =
    "- {name: age, scope: user, kind: dense, size: 2}\n"
    "- {name: user_id, scope: user, kind: id, buckets: 9, dim: 2}\n"
    "- {name: x, scope: item, kind: dense, quantiles: 4, dim: 2}\n"
    "- {name: y, scope: item, kind: dense, size: 1, transform: log1p, default: 0}\n"
    "- {name: z, scope: item, kind: dense, quantiles: 4, dim: 2}\n"
    "- {name: dwell, scope: item, kind: dense, size: 1, privileged: true}\n";
static const char lines[] =
    "{\"user\":{\"age\":[1,5],\"user_id\":7},\"candidates\":["
    "{\"label\":1,\"features\":{\"x\":-3,\"y\":8},\"privileged\":{\"dwell\":1}},"
    "{\"label\":0,\"features\":{\"x\":-0.0},\"privileged\":{\"dwell\":1}}]}\n"
    "{\"user\":{\"age\":[-2,5],\"user_id\":8},\"candidates\":["
    "{\"label\":0,\"features\":{\"y\":2.5},\"privileged\":{\"dwell\":1}}]}\n"
    "{\"user\":{\"age\":[100,-100],\"user_id\":8},\"candidates\":["
    "{\"label\":0,\"features\":{\"x\":100,\"y\":1e9},\"privileged\":{\"dwell\":1}}]}\n";

static void is_range(const float *range, size_t size, size_t value, float low, float high)
{
    if (!(range[value] == low && range[size + value] == high))
        fail_msg("value %zu: %g to %g, not %g to %g", value, (double)range[value],
                 (double)range[size + value], (double)low, (double)high);
}

static void ranges_of_lists(void **state)
{
    (void)state;
    static const uint32_t lists[] = {0, 1, 2};
    struct log_case log;
    struct dataset data;
    struct schema student;
    struct fit_drift ranges;
    log_case_init(&log, features);
    assert_int_equal(log_case_text(&log, lines, &plain, &data), STATUS_OK);
    assert_int_equal(schema_student(&log.schema, &student, NULL), STATUS_OK);
    assert_int_equal(fit_drift_ranges(&data, lists, 2, &student, &ranges, NULL), STATUS_OK);
    assert_int_equal(student.count, 5);
    is_range(ranges.of[0], 2, 0, -2, 1);
    is_range(ranges.of[0], 2, 1, 5, 5);
    assert_null(ranges.of[1]);
    is_range(ranges.of[2], 1, 0, -3, 0); // one is missing
    assert_false(signbit(ranges.of[2][1]));
    is_range(ranges.of[3], 1, 0, 0, 8);         // the default was seen
    is_range(ranges.of[4], 1, 0, -1e38F, 1e6F); // no value: nothing can be outside
    fit_drift_fini(&ranges);
    // The last list alone; raw values as they are clamped.
    assert_int_equal(fit_drift_ranges(&data, lists + 2, 1, &student, &ranges, NULL), STATUS_OK);
    is_range(ranges.of[0], 2, 0, 100, 100);
    is_range(ranges.of[0], 2, 1, -100, -100);
    is_range(ranges.of[3], 1, 0, 1e6F, 1e6F);
    for (size_t f = 0; f < student.count; f++)
        if (ranges.of[f] != NULL)
            assert_int_equal(drift_check_range(&student.features[f], ranges.of[f], NULL),
                             STATUS_OK);
    fit_drift_fini(&ranges);
    schema_fini(&student);
    dataset_close(&data);
    log_case_fini(&log);
}

static float logit_of(double p)
{
    return (float)log(p / (1 - p));
}

// 100 scores 0.005, 0.015 .. 0.995, out of order: 5 in each of 20 bins, edge k is value 5 k.
static void quantiles_of_different_scores(void **state)
{
    (void)state;
    const struct calibrate map = {.kind = CALIBRATE_IDENTITY};
    struct drift_histogram histogram;
    float logit[100];
    for (size_t i = 0; i < 100; i++)
        logit[i] = logit_of(0.005 + 0.01 * (double)(i * 37 % 100));
    assert_int_equal(fit_drift_histogram(logit, 100, &map, &histogram, NULL), STATUS_OK);
    assert_int_equal(histogram.bins, DRIFT_BINS);
    for (size_t i = 0; i < DRIFT_BINS; i++) {
        assert_int_equal(histogram.counts[i], 5);
        if (i > 0)
            assert_true(fabs((double)histogram.edges[i - 1] - (0.005 + 0.05 * (double)i)) < 1e-6);
    }
    assert_int_equal(drift_check(&histogram, NULL), STATUS_OK);
    // Through the map: logits halved.
    const struct calibrate half = {.kind = CALIBRATE_TEMPERATURE, .temperature = 2};
    assert_int_equal(fit_drift_histogram(logit, 100, &half, &histogram, NULL), STATUS_OK);
    const double root = sqrt(0.055 / 0.945);
    assert_true(fabs((double)histogram.edges[0] - root / (1 + root)) < 1e-6);
}

// Ten equal ones below, six between, four above: two edges remain.
static void equal_scores_share_a_bin(void **state)
{
    (void)state;
    const struct calibrate map = {.kind = CALIBRATE_IDENTITY};
    struct drift_histogram histogram;
    float logit[20];
    for (size_t i = 0; i < 20; i++)
        logit[i] = i < 10 ? -1.0F : i < 16 ? 0.0F : 2.0F;
    assert_int_equal(fit_drift_histogram(logit, 20, &map, &histogram, NULL), STATUS_OK);
    assert_int_equal(histogram.bins, 3);
    assert_true(histogram.edges[0] == 0.5F);
    assert_true(fabs((double)histogram.edges[1] - 1 / (1 + exp(-2))) < 1e-6);
    assert_true(histogram.counts[0] == 10 && histogram.counts[1] == 6 && histogram.counts[2] == 4);
    assert_int_equal(fit_drift_histogram(logit, 10, &map, &histogram, NULL), STATUS_OK);
    assert_true(histogram.bins == 1 && histogram.counts[0] == 10);
    assert_int_equal(drift_check(&histogram, NULL), STATUS_OK);
    struct diag diag = {0};
    logit[3] = NAN;
    assert_int_equal(fit_drift_histogram(logit, 20, &map, &histogram, &diag), STATUS_NOT_FINITE);
    assert_non_null(strstr(diag.words, "not finite"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_lists),
        cmocka_unit_test(quantiles_of_different_scores),
        cmocka_unit_test(equal_scores_share_a_bin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
