// Oracle: PSI of small rows of counts by exact fractions and 40-digit logarithms (Python's
// fractions and decimal), one of them checked by hand; bins and ranges by hand.
#include "model/drift.h"

#include "base/yamldoc.h"
#include "tests/support/check.h"

#include <math.h>
#include <string.h>

static void check_psi(const uint64_t *expected, const uint64_t *actual, size_t bins, double raw,
                      double corrected)
{
    double got_raw = -1, got_corrected = -1;
    drift_psi(expected, actual, bins, &got_raw, &got_corrected);
    if (!(fabs(got_raw - raw) <= 1e-13) || !(fabs(got_corrected - corrected) <= 1e-13))
        fail_msg("%zu bins: %.17g, %.17g, not %.17g, %.17g", bins, got_raw, got_corrected, raw,
                 corrected);
}

static void psi_by_numbers(void **state)
{
    (void)state;
    static const uint64_t same[] = {100, 200, 300};
    check_psi(same, same, 3, 0, 0);
    // (0.5 - 90.5/101) ln(50.5/90.5) + (0.5 - 10.5/101) ln(50.5/10.5); chance: 1 (1/100 + 1/100)
    static const uint64_t tilted[] = {90, 10}, even[] = {50, 50};
    check_psi(tilted, even, 2, 0.85305924496728822, 0.83305924496728822);
    // Empty bins on either side.
    static const uint64_t few[] = {2, 1, 0, 900}, none[] = {3, 0, 7, 1};
    check_psi(few, none, 4, 7.2375692821324267, 6.9615197502689413);
    // Within chance: nothing is left.
    static const uint64_t near_a[] = {9, 11, 10}, near_b[] = {10, 10, 10};
    check_psi(near_a, near_b, 3, 0.0060652456115145788, 0);
    check_psi(near_b, near_a, 3, 0.0060652456115145788, 0);

    uint64_t flat[DRIFT_BINS], last[DRIFT_BINS] = {0}, thousand[DRIFT_BINS], steps[DRIFT_BINS];
    for (size_t i = 0; i < DRIFT_BINS; i++) {
        flat[i] = 5;
        thousand[i] = 1000;
        steps[i] = i < 10 ? 500 : 1500;
    }
    last[DRIFT_BINS - 1] = 100;
    check_psi(flat, last, DRIFT_BINS, 4.5801269660510200, 4.2001269660510200);
    check_psi(thousand, steps, DRIFT_BINS, 0.27434934186035645, 0.27244934186035645);
}

static void psi_of_nothing(void **state)
{
    (void)state;
    static const uint64_t some[] = {1, 2, 3}, none[3] = {0};
    check_psi(some, none, 3, 0, 0);
    check_psi(none, some, 3, 0, 0);
    check_psi(none, none, 3, 0, 0);
    check_psi(some, some, 1, 0, 0); // one bin tells nothing
}

static void bins_have_open_ends(void **state)
{
    (void)state;
    const struct drift_histogram histogram = {
        .bins = 4, .edges = {0.125F, 0.25F, 0.5F}, .counts = {1, 1, 1, 1}};
    static const struct {
        float pctr;
        size_t bin;
    } cases[] = {{0, 0},     {1e-7F, 0},  {0.1249F, 0}, {0.125F, 1}, {0.2F, 1},
                 {0.25F, 2}, {0.499F, 2}, {0.5F, 3},    {1, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(drift_bin(&histogram, cases[i].pctr), cases[i].bin);
    const struct drift_histogram one = {.bins = 1, .counts = {7}};
    assert_int_equal(drift_bin(&one, 0.3F), 0);
    assert_int_equal(drift_check(&histogram, NULL), STATUS_OK);
    assert_int_equal(drift_check(&one, NULL), STATUS_OK);
}

static void refuses(struct drift_histogram histogram, const char *path, const char *words)
{
    struct diag diag = {0};
    assert_int_equal(drift_check(&histogram, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.path, path);
    if (strstr(diag.words, words) == NULL)
        fail_msg("wanted \"%s\", got \"%s\"", words, diag.words);
}

static void bad_histograms(void **state)
{
    (void)state;
    const struct drift_histogram good = {.bins = 3, .edges = {0.2F, 0.4F}, .counts = {1, 0, 1}};
    struct drift_histogram bad = good;
    assert_int_equal(drift_check(&good, NULL), STATUS_OK);
    bad.edges[1] = 0.2F;
    refuses(bad, "pctr.edges", "edge 1 is not above the one before");
    bad.edges[1] = NAN;
    refuses(bad, "pctr.edges", "edge 1 is not in (0, 1)");
    bad.edges[1] = 1;
    refuses(bad, "pctr.edges", "edge 1 is not in (0, 1)");
    bad.edges[0] = 0;
    refuses(bad, "pctr.edges", "edge 0 is not in (0, 1)");
    bad = good;
    bad.counts[1] = UINT64_MAX;
    refuses(bad, "pctr.counts", "count 1 is too large");
    memset(bad.counts, 0, sizeof bad.counts);
    refuses(bad, "pctr.counts", "all counts are 0");
    bad.bins = DRIFT_BINS + 1;
    refuses(bad, "pctr.counts", "21 bins are more than 20");
}

static struct schema read_schema(void)
{
    static const char yaml[] =
        "- {name: age, scope: user, kind: dense, size: 1, default: -1}\n"
        "- {name: user_id, scope: user, kind: id, buckets: 9, dim: 2}\n"
        "- {name: price, scope: item, kind: dense, size: 3}\n"
        "- {name: seen, scope: item, kind: dense, quantiles: 4, dim: 2}\n"
        "- {name: dwell, scope: item, kind: dense, size: 1, privileged: true}\n";
    struct yamldoc *doc = NULL;
    struct schema schema;
    assert_int_equal(yamldoc_parse(span_of(yaml), "features", &doc, NULL), STATUS_OK);
    assert_int_equal(schema_from_yaml(yamldoc_root(doc), "features", &schema, NULL), STATUS_OK);
    yamldoc_free(doc);
    return schema;
}

static void ranges_by_feature(void **state)
{
    (void)state;
    struct schema schema = read_schema();
    static const float age[] = {18, 90}, price[] = {0, 1, -5, 10, 1, 5}, seen[] = {1, 2};
    static const float *const ranges[] = {age, NULL, price, seen, NULL};
    const char *const names[] = {"age", "user_id", "price", "seen", "dwell"};
    assert_int_equal(schema.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(schema.features[i].name, names[i]);
        assert_int_equal(drift_has_range(&schema.features[i]), ranges[i] != NULL);
    }
    struct drift_outside outside[5] = {0};
    union row_cell shared[2] = {{.number = 17.5F}, {.id = 3}};
    const float numbers[4][5] = {
        {0, 1, -5, 1, 99},          // on the lows
        {10, 1, 5, 2, -99},         // on the highs
        {-0.5F, 0.5F, 6, NAN, 0},   // below, below, above, missing
        {11, 1.5F, -5.5F, 2.5F, 0}, // above, above, below, above
    };
    union row_cell rows[4 * 5];
    for (size_t i = 0; i < 20; i++)
        rows[i].number = numbers[i / 5][i % 5];
    drift_ranges(&schema, ranges, shared, rows, 4, outside);
    assert_true(outside[0].below == 1 && outside[0].above == 0);
    assert_true(outside[2].below == 3 && outside[2].above == 3);
    assert_true(outside[3].below == 0 && outside[3].above == 1);
    assert_true(outside[1].below + outside[1].above + outside[4].below + outside[4].above == 0);
    // It adds. The default is no value that was sent.
    shared[0].number = -1;
    drift_ranges(&schema, ranges, shared, rows, 1, outside);
    shared[0].number = 91;
    drift_ranges(&schema, ranges, shared, rows, 0, outside);
    assert_true(outside[0].below == 1 && outside[0].above == 1);
    assert_true(outside[2].below == 3 && outside[2].above == 3);
    schema_fini(&schema);
}

static void bad_ranges(void **state)
{
    (void)state;
    struct schema schema = read_schema();
    const struct schema_feature *price = &schema.features[2];
    float range[] = {0, 1, -5, 10, 1, 5};
    struct diag diag = {0};
    assert_int_equal(drift_check_range(price, range, NULL), STATUS_OK);
    range[4] = 0.5F;
    assert_int_equal(drift_check_range(price, range, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.path, "range.price");
    assert_non_null(strstr(diag.words, "value 1 is not finite and in order: 1 to 0.5"));
    range[4] = INFINITY;
    assert_int_equal(drift_check_range(price, range, NULL), STATUS_CORRUPT);
    range[4] = 1;
    range[2] = NAN;
    assert_int_equal(drift_check_range(price, range, NULL), STATUS_CORRUPT);
    schema_fini(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psi_by_numbers),      cmocka_unit_test(psi_of_nothing),
        cmocka_unit_test(bins_have_open_ends), cmocka_unit_test(bad_histograms),
        cmocka_unit_test(ranges_by_feature),   cmocka_unit_test(bad_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
