// Oracle: the transform's definition, sign(x) log(1 + |x|), by libm; bits by a value-by-value pass.
#include "model/featurise.h"

#include "base/yamldoc.h"
#include "tests/support/check.h"

#include <math.h>
#include <string.h>

static void load(const char *yaml, struct schema *schema)
{
    struct yamldoc *doc = NULL;
    assert_int_equal(yamldoc_parse(span_of(yaml), "test", &doc, NULL), STATUS_OK);
    assert_int_equal(schema_from_yaml(yamldoc_root(doc), "test", schema, NULL), STATUS_OK);
    yamldoc_free(doc);
}

static float expected(float x, bool log1p_it)
{
    if (!log1p_it)
        return x;
    return (float)copysign(log1p(fabs((double)x)), (double)x);
}

static const float raws[] = {0.0f,   -0.0f,  1.0f, -1.0f,  0.5f,  1e6f,
                             -1e38f, 1e-30f, 3.0f, -7.25f, 42.0f, 1e5f};

static void check_rows(const char *yaml, size_t width, const bool *logs)
{
    struct schema schema;
    load(yaml, &schema);
    assert_int_equal(schema.row_width, width);
    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_runnable(k))
            continue;
        for (size_t n = 0; n <= 5; n++) {
            const struct featurise featurise = {&schema, kernels_at(k), NULL, true};
            union row_cell raw[5 * 8];
            float input[5 * 8 + 1];
            for (size_t i = 0; i < n * width; i++)
                raw[i].number = raws[i % (sizeof raws / sizeof raws[0])];
            input[n * width] = 77.0f;
            featurise_rows(&featurise, NULL, raw, n, input, width);
            assert_true(input[n * width] == 77.0f);
            for (size_t i = 0; i < n * width; i++) {
                float wanted = expected(raw[i].number, logs[i % width]);
                assert_true(fabsf(input[i] - wanted) <= 3e-7f * fabsf(wanted));
                if (!logs[i % width])
                    assert_memory_equal(&input[i], &raw[i], sizeof raw[i]);
            }
            // One value alone, and in place, give the same bits.
            for (size_t i = 0; i < n * width; i++) {
                float one = raw[i].number;
                if (logs[i % width])
                    kernels_at(k)->log1p(&one, 1, &one);
                assert_memory_equal(&one, &input[i], sizeof one);
            }
            featurise_rows(&featurise, NULL, raw, n, &raw->number, width);
            assert_memory_equal(raw, input, n * width * sizeof raw[0]);
        }
    }
    schema_fini(&schema);
}

static void test_rows(void **state)
{
    (void)state;
    const bool all[8] = {1, 1, 1, 1, 1, 1, 1, 1}, none[8] = {0};
    const bool mixed[8] = {1, 1, 1, 0, 0, 1, 0, 0};
    check_rows("- {name: a, scope: item, kind: dense, size: 8, transform: log1p}", 8, all);
    check_rows("- {name: a, scope: item, kind: dense, size: 7}", 7, none);
    check_rows("- {name: a, scope: item, kind: dense, size: 3, transform: log1p}\n"
               "- {name: b, scope: item, kind: dense, size: 2}\n"
               "- {name: c, scope: item, kind: dense, size: 1, transform: log1p}\n"
               "- {name: s, scope: user, kind: dense, size: 9, transform: log1p}\n"
               "- {name: p, scope: item, kind: dense, size: 2, privileged: true}",
               8, mixed);
}

static void test_shared(void **state)
{
    (void)state;
    struct schema schema;
    load("- {name: c, scope: context, kind: dense, size: 2, transform: log1p}\n"
         "- {name: i, scope: item, kind: dense, size: 4, transform: log1p}\n"
         "- {name: u, scope: user, kind: dense, size: 1}",
         &schema);
    const union row_cell raw[3] = {{5.0f}, {5.0f}, {-5.0f}}; // u, c, c
    float input[3];
    const struct featurise featurise = {&schema, kernels_at(0), NULL, true};
    featurise_shared(&featurise, raw, input);
    assert_true(input[0] == 5.0f);
    assert_true(fabs((double)input[1] - 1.791759469228055) < 1e-6); // log 6
    assert_true(fabs((double)input[2] + 1.791759469228055) < 1e-6);
    schema_fini(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
