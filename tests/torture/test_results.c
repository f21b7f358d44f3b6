// The n-th allocation fails while results.json is built: an error, or a tree that says so when it
// is written, never other numbers and no leak (the sanitizer builds see to that).
#include "model/train/results.h"

#include "tests/support/check.h"
#include "tests/support/experiment_made.h"
#include "tests/support/failmalloc.h"

#include <math.h>

static void write_runs(struct experiment_made *made)
{
    static const char *const ids[] = {"base-lr0.001-s1",    "base-chosen-s2",
                                      "teacher-lr0.001-s1", "teacher-chosen-s2",
                                      "clid-r1-lr0.001-s1", "clid-chosen-s2"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        const struct experiment_made_run run = {
            .id = ids[i],
            .ratio = i < 4 ? (double)NAN : 1,
            .valid_ndcg10 = .5 + .01 * (double)i,
            .valid_logloss = .5,
            .test_ndcg10 = .5 + .01 * (double)i,
            .test_logloss = .5 - .001 * (double)(i * i),
            .lists = "[0.25, null, 0.5]",
            .reliability = "[[2, 0.5, 1, null]]",
        };
        experiment_made_run(made, &run);
    }
}

// Collects and writes; an error of either.
static enum status collect(const struct experiment_made *made, struct buf *out)
{
    struct json_value *results;
    enum status code = results_collect(&made->experiment, &made->plan, &results, NULL);
    if (code != STATUS_OK)
        return code;
    code = json_value_write(results, 0, out);
    json_value_free(results);
    return code;
}

static void every_allocation(void **state)
{
    (void)state;
    struct experiment_made made;
    struct buf honest, text;
    experiment_made_init(&made, "{methods: [base, clid], seeds: [1, 2], lrs: [0.001]}");
    write_runs(&made);
    buf_init(&honest, 1 << 20);
    buf_init(&text, 1 << 20);
    assert_int_equal(collect(&made, &honest), STATUS_OK);
    unsigned long failures = 0;
    // All of the first ones, then ever fewer: there are some ten thousand.
    for (unsigned long nth = 1;; nth += 1 + nth / 64) {
        buf_fini(&text);
        buf_init(&text, 1 << 20);
        failmalloc_arm(nth, FAILMALLOC_ONCE);
        enum status code = collect(&made, &text);
        if (!failmalloc_disarm())
            break;
        failures++;
        if (code == STATUS_OK && !span_equal(buf_view(&text), buf_view(&honest)))
            fail_msg("allocation %lu: other results", nth);
    }
    assert_true(failures > 100);
    buf_fini(&honest);
    buf_fini(&text);
    experiment_made_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
