// server/version_metrics: what is counted for a model version, and where.
#include "server/version_metrics.h"

#include "model/drift.h"
#include "tests/support/check.h"

enum { READERS = 3 };

// As much of a checkpoint as there is to count by.
static char price[] = "price", brand[] = "brand";
static struct schema_feature features[] = {{.name = price}, {.name = brand}};

static struct checkpoint checkpoint_of(size_t bins)
{
    struct checkpoint checkpoint = {.schema = {.features = features, .count = 2}};
    checkpoint.pctr =
        (struct drift_histogram){.bins = bins, .edges = {0.25F, 0.5F}, .counts = {30, 20, 10}};
    return checkpoint;
}

static double sum(const struct version_metrics *metrics, enum version_metric id, size_t value)
{
    return metric_sum(version_metrics_set(metrics), id, value);
}

static void test_scores_fall_into_the_bins_of_the_file(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = checkpoint_of(3);
    struct version_metrics *metrics = version_metrics_new(&checkpoint, READERS);
    assert_non_null(metrics);
    const float first[] = {0.1F, 0.25F, 0.3F}, second[] = {0.9F, 0.2499F};
    version_metrics_pctr(metrics, 0, first, 3);
    version_metrics_pctr(metrics, 2, second, 2);
    const double expected[] = {2, 2, 1};
    for (size_t bin = 0; bin < 3; bin++)
        assert_true(sum(metrics, VERSION_METRICS_SCORE, bin) == expected[bin]);
    // The index is that of these counts.
    const uint64_t validation[] = {30, 20, 10}, served[] = {2, 2, 1};
    double raw, corrected, expected_raw, expected_corrected;
    assert_true(version_metrics_psi(metrics, &raw, &corrected));
    drift_psi(validation, served, 3, &expected_raw, &expected_corrected);
    assert_true(raw == expected_raw && corrected == expected_corrected);
    assert_true(raw > 0);
    version_metrics_free(metrics);
}

static void test_a_file_without_a_histogram(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = checkpoint_of(0);
    struct version_metrics *metrics = version_metrics_new(&checkpoint, READERS);
    assert_non_null(metrics);
    const float pctr[] = {0.1F};
    version_metrics_pctr(metrics, 0, pctr, 1);
    assert_true(sum(metrics, VERSION_METRICS_SCORE, 0) == 0);
    double raw, corrected;
    assert_false(version_metrics_psi(metrics, &raw, &corrected));
    version_metrics_free(metrics);
}

static void test_invalid_values_by_feature_and_reason(void **state)
{
    (void)state;
    const struct checkpoint checkpoint = checkpoint_of(3);
    struct version_metrics *metrics = version_metrics_new(&checkpoint, READERS);
    assert_non_null(metrics);
    version_metrics_invalid(metrics, 0, 0, VERSION_METRICS_MISSING, 5);
    version_metrics_invalid(metrics, 1, 0, VERSION_METRICS_MISSING, 2);
    version_metrics_invalid(metrics, 2, 1, VERSION_METRICS_ABOVE, 3);
    // Feature by feature, its four reasons in order.
    const double expected[8] = {7, 0, 0, 0, 0, 0, 0, 3};
    for (size_t i = 0; i < 8; i++)
        assert_true(sum(metrics, VERSION_METRICS_INVALID, i) == expected[i]);
    version_metrics_free(metrics);
}

static void test_rows_of_the_documentation(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 16);
    version_metrics_markdown(&text);
    const char *last = buf_view(&text).data;
    size_t rows = 0;
    for (size_t i = 0; i < text.size; i++)
        rows += last[i] == '\n';
    assert_int_equal(rows, VERSION_METRICS_COUNT);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_fall_into_the_bins_of_the_file),
        cmocka_unit_test(test_a_file_without_a_histogram),
        cmocka_unit_test(test_invalid_values_by_feature_and_reason),
        cmocka_unit_test(test_rows_of_the_documentation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
