// Hours by method, added up by hand.
#include "model/train/results_timing.h"

#include "tests/support/check.h"
#include "tests/support/experiment_made.h"

#include <math.h>

static void hours(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, "{methods: [base, pal], seeds: [1, 2], lrs: [0.001]}");
    assert_int_equal(made.plan.count, 4);
    // In the order of the plan: the two searches, then base's second seed, then pal's.
    const double seconds[] = {1800, 900, 5400, (double)NAN};
    struct json_value *root = results_timing_json(&made.plan, seconds);
    assert_non_null(root);
    assert_true(fabs(json_value_number(json_value_get(root, "hours")) - 2.25) < 1e-12);
    assert_int_equal(json_value_int(json_value_get(root, "runs")), 3);
    const struct json_value *base = json_value_at(json_value_get(root, "methods"), 0);
    const struct json_value *pal = json_value_at(json_value_get(root, "methods"), 1);
    assert_int_equal(json_value_int(json_value_get(base, "runs")), 2);
    assert_true(fabs(json_value_number(json_value_get(base, "hours")) - 2) < 1e-12);
    assert_true(fabs(json_value_number(json_value_get(base, "mean_seconds")) - 3600) < 1e-9);
    assert_int_equal(json_value_int(json_value_get(pal, "runs")), 1);
    const struct json_value *each = json_value_get(root, "seconds");
    assert_true(fabs(json_value_number(json_value_get(each, "pal-lr0.001-s1")) - 900) < 1e-12);
    assert_int_equal(json_value_kind(json_value_get(each, "pal-chosen-s2")), JSON_VALUE_NULL);
    json_value_free(root);
    experiment_made_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours),
    };
    return cmocka_run_group_tests_name("results_timing", tests, NULL, NULL);
}
