// results.json of experiments whose runs are written by hand. t(.05, 1) = 12.706204736174707.
#include "model/train/results.h"

#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/experiment_made.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE ((double)NAN)

static const double t1 = 12.706204736174707;

static const char experiment_text[] =
    "{name: tiny, methods: [base, teacher, clid], seeds: [1, 2], ratios: [1, 10], lrs: [0.001]}";

// Base's LogLoss on validation: mean .51, half t1 * .01, so the bound is .637: CLID at r = 10 is
// out, though it ranks best.
static const struct experiment_made_run runs[] = {
    {"base-lr0.001-s1", NONE, false, .55, .50, .50, .60, ", \"true_error\": 0.05",
     "[0.4, null, 0.6]", "[[2, 0.4, 1, 0.6], [3, 2.4, 2, 2.1]]", NULL},
    {"base-chosen-s2", NONE, false, .56, .52, .54, .62, ", \"true_error\": 0.07",
     "[0.5, null, 0.5]", "[[2, 0.6, 0, 0.2], [3, 2.1, 3, 2.4]]", NULL},
    {"teacher-lr0.001-s1", NONE, false, .65, .45, .60, .50, NULL, NULL, NULL, NULL},
    {"teacher-chosen-s2", NONE, false, .68, .46, .66, .50, NULL, NULL, NULL, NULL},
    {"clid-r1-lr0.001-s1", 1, false, .60, .51, .55, .59, NULL, "[0.5, null, 0.6]", NULL, NULL},
    {"clid-r10-lr0.001-s1", 10, false, .61, .70, .57, .71, NULL, "[0, null, 0]", NULL, NULL},
    {"clid-chosen-s2", 1, false, .60, .51, .57, .63, NULL, "[0.7, null, 0.5]", NULL, NULL},
};

static void write_all(struct experiment_made *made)
{
    for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++)
        experiment_made_run(made, &runs[i]);
}

static struct json_value *collect(const struct experiment_made *made)
{
    struct json_value *results;
    struct diag diag = {0};
    if (results_collect(&made->experiment, &made->plan, &results, &diag) != STATUS_OK)
        fail_msg("%s: %s: %s", diag.file, diag.path, diag.words);
    return results;
}

// "methods.2.test.ndcg10.mean"
static const struct json_value *at(const struct json_value *root, const char *path)
{
    char text[200], *rest = text;
    snprintf(text, sizeof(text), "%s", path);
    for (char *key; (key = strsep(&rest, ".")) != NULL;) {
        root = json_value_kind(root) == JSON_VALUE_LIST
                   ? json_value_at(root, (size_t)strtoul(key, NULL, 10))
                   : json_value_get(root, key);
        if (root == NULL)
            fail_msg("no %s in %s", key, path);
    }
    return root;
}

static void is(const struct json_value *root, const char *path, double want)
{
    const double got = json_value_number(at(root, path));
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("%s: got %.17g, want %.17g", path, got, want);
}

static void is_text(const struct json_value *root, const char *path, const char *want)
{
    assert_string_equal(json_value_text(at(root, path)).data, want);
}

static void is_null(const struct json_value *root, const char *path)
{
    if (json_value_kind(at(root, path)) != JSON_VALUE_NULL)
        fail_msg("%s is not null", path);
}

static void is_bool(const struct json_value *root, const char *path, bool want)
{
    if (json_value_bool(at(root, path)) != want)
        fail_msg("%s is not %d", path, want);
}

static void the_head(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, experiment_text);
    write_all(&made);
    struct json_value *root = collect(&made);
    is_text(root, "format", "ctr-results-1");
    is_text(root, "name", "tiny");
    is(root, "seeds.1", 2);
    is(root, "search_seed", 1);
    is(root, "network.1", 2);
    is(root, "data.train.clicks", 8);
    is_bool(root, "data.truth", true);
    is(root, "runs.planned", 7);
    is(root, "runs.finished", 7);
    is(root, "runs.diverged", 0);
    is(root, "selection.base_logloss", .51);
    is(root, "selection.base_ci", t1 * .01);
    is(root, "selection.bound", .51 + t1 * .01);
    // teacher - base: .10, .12 and -.05, -.06
    is_bool(root, "teacher_check.better", true);
    is(root, "teacher_check.ndcg10.mean", .11);
    is(root, "teacher_check.ndcg10.low", .11 - t1 * .01);
    is(root, "teacher_check.logloss.high", -.055 + t1 * .005);
    // Measures that no run has are left out.
    assert_int_equal(json_value_size(at(root, "measures")), 3);
    is_text(root, "measures.2.key", "true_error");
    is_text(root, "measures.1.better", "lower");
    const char *configuration = json_value_text(at(root, "configuration")).data;
    assert_non_null(strstr(configuration, "test.txt"));
    assert_null(strstr(configuration, made.scratch.folder));
    json_value_free(root);
    experiment_made_free(&made);
}

static void the_methods(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, experiment_text);
    write_all(&made);
    struct json_value *root = collect(&made);
    is_text(root, "methods.2.title", "CLID");
    is_text(root, "methods.1.role", "teacher");
    is(root, "methods.2.chosen.ratio", 1);
    is_null(root, "methods.2.chosen.tau");
    is_text(root, "methods.2.runs.1", "clid-chosen-s2");
    is(root, "methods.2.n", 2);
    is_text(root, "methods.2.words", "");
    is(root, "methods.2.test.ndcg10.mean", .56);
    is(root, "methods.2.test.ndcg10.half", t1 * .01);
    is(root, "methods.2.test.ndcg10.values.1", .57);
    is(root, "methods.2.valid.logloss.half", 0);
    is_null(root, "methods.2.test.true_error.mean");
    // clid - base: .05, .03
    is(root, "methods.2.vs_base.ndcg10.mean", .04);
    is(root, "methods.2.vs_base.ndcg10.low", .04 - t1 * .01);
    is_bool(root, "methods.2.vs_base.ndcg10.significant", false);
    is_null(root, "methods.2.vs_clid");
    is_null(root, "methods.2.bootstrap");
    is_null(root, "methods.0.vs_base");
    is(root, "methods.0.vs_clid.logloss.mean", 0); // .01, -.01
    // Per list over both seeds, base - clid: (-.1 - .2) / 2 and 0; means of two draws of them.
    is(root, "methods.0.bootstrap.mean", -.075);
    is(root, "methods.0.bootstrap.low", -.15);
    is(root, "methods.0.bootstrap.high", 0);
    is(root, "methods.0.bootstrap.lists", 2);
    is_bool(root, "methods.0.bootstrap.significant", false);
    is_null(root, "methods.1.bootstrap"); // no lists
    is(root, "methods.0.reliability.0.docs", 4);
    is(root, "methods.0.reliability.0.p", .25);
    is(root, "methods.0.reliability.0.clicks", .25);
    is(root, "methods.0.reliability.0.truth", .2);
    is(root, "methods.0.reliability.1.p", .75);
    is(root, "methods.0.curves.1.seed", 2);
    is(root, "methods.0.curves.1.kept", 1);
    is(root, "methods.0.curves.1.points.0.ndcg10", .56);
    is_null(root, "methods.0.curves.1.points.0.logloss");
    is(root, "sweep.3.ratio", 10);
    is_bool(root, "sweep.3.chosen", false);
    is_bool(root, "sweep.2.chosen", true);
    is(root, "sweep.3.valid.logloss", .70);
    assert_int_equal(json_value_size(at(root, "sweep")), 4);
    assert_int_equal(json_value_size(at(root, "claims")), 12);
    json_value_free(root);
    experiment_made_free(&made);
}

// Two folders, written in another order.
static void equal_runs_give_equal_bytes(void **state)
{
    (void)state;
    struct buf texts[2];
    for (size_t k = 0; k < 2; k++) {
        struct experiment_made made;
        const size_t count = sizeof(runs) / sizeof(*runs);
        experiment_made_init(&made, experiment_text);
        for (size_t i = 0; i < count; i++)
            experiment_made_run(&made, &runs[k == 0 ? i : count - 1 - i]);
        struct json_value *root = collect(&made);
        buf_init(&texts[k], 1 << 20);
        assert_int_equal(json_value_write(root, 1, &texts[k]), STATUS_OK);
        json_value_free(root);
        experiment_made_free(&made);
    }
    assert_true(texts[0].size > 1000 && span_equal(buf_view(&texts[0]), buf_view(&texts[1])));
    buf_fini(&texts[0]);
    buf_fini(&texts[1]);
}

static void half_an_experiment(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, experiment_text);
    struct json_value *root = collect(&made);
    is(root, "runs.finished", 0);
    is_null(root, "selection.bound");
    is_null(root, "teacher_check");
    is_text(root, "methods.0.words", "0 of 1 settings tried");
    assert_int_equal(json_value_size(at(root, "data")), 1); // "truth"
    json_value_free(root);
    write_all(&made);
    experiment_made_forget(&made, "base-chosen-s2");
    root = collect(&made);
    // Without Base's spread there is no bound, so CLID has no chosen setting.
    is(root, "methods.0.n", 1);
    is_text(root, "methods.0.words", "1 of 2 seeds finished, 0 diverged");
    is_null(root, "methods.0.test.ndcg10.half");
    is_null(root, "methods.0.test.ndcg10.values.1");
    is_null(root, "methods.2.chosen");
    is_null(root, "methods.2.test.ndcg10.mean");
    is_text(root, "methods.2.words", "2 of 2 settings tried");
    is_null(root, "teacher_check");
    // What is known is still compared.
    is(root, "methods.1.vs_base.ndcg10.mean", .10);
    is(root, "methods.1.vs_base.ndcg10.n", 1);
    is_null(root, "methods.1.vs_base.ndcg10.low");
    json_value_free(root);
    experiment_made_free(&made);
}

static void diverged_runs(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, experiment_text);
    write_all(&made);
    experiment_made_run(&made,
                        &(struct experiment_made_run){"clid-chosen-s2", 1, .diverged = true});
    experiment_made_run(&made,
                        &(struct experiment_made_run){"clid-r10-lr0.001-s1", 10, .diverged = true});
    struct json_value *root = collect(&made);
    is(root, "runs.diverged", 2);
    is_text(root, "diverged.0", "clid-r10-lr0.001-s1");
    is_text(root, "sweep.3.status", "diverged");
    is_null(root, "sweep.3.test.ndcg10");
    is(root, "methods.2.n", 1);
    is_text(root, "methods.2.words", "2 of 2 seeds finished, 1 diverged");
    is(root, "methods.2.vs_base.ndcg10.mean", .05);
    is_null(root, "methods.2.vs_base.ndcg10.half");
    is(root, "methods.0.bootstrap.mean", -.05); // of the first seed: -.1, 0
    json_value_free(root);
    experiment_made_run(&made,
                        &(struct experiment_made_run){"clid-r1-lr0.001-s1", 1, .diverged = true});
    root = collect(&made);
    is_null(root, "methods.2.chosen");
    is_text(root, "methods.2.words", "every setting of clid diverged");
    is_null(root, "methods.0.vs_clid.ndcg10.mean");
    json_value_free(root);
    experiment_made_run(&made, &(struct experiment_made_run){"base-lr0.001-s1", .diverged = true});
    root = collect(&made);
    is_text(root, "methods.0.words", "every setting of base diverged");
    is_text(root, "methods.2.words", "every setting of base diverged");
    is_null(root, "teacher_check");
    is(root, "methods.1.test.ndcg10.mean", .63);
    json_value_free(root);
    experiment_made_free(&made);
}

static void one_seed(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made,
                         "{methods: [base, clid], seeds: [7], ratios: [1], teacher_check: warn}");
    struct experiment_made_run run = {
        "base-lr0.001-s7", NONE, false, .5, .5, .5, .5, NULL, NULL, NULL, NULL};
    experiment_made_run(&made, &run);
    run.id = "clid-r1-lr0.001-s7";
    run.ratio = 1;
    run.valid_logloss = .5; // Base's mean itself: within the bound
    run.test_ndcg10 = .75;
    experiment_made_run(&made, &run);
    run.id = "teacher-lr0.001-s7"; // ranks as Base: not better
    run.ratio = NONE;
    experiment_made_run(&made, &run);
    struct json_value *root = collect(&made);
    is(root, "selection.bound", .5);
    is_null(root, "selection.base_ci");
    is(root, "methods.2.n", 1);
    is_null(root, "methods.2.test.ndcg10.half");
    is(root, "methods.2.vs_base.ndcg10.mean", .25);
    is_null(root, "methods.2.vs_base.ndcg10.high");
    is_bool(root, "methods.2.vs_base.ndcg10.significant", false);
    is_bool(root, "teacher_check.better", false);
    assert_non_null(strstr(json_value_text(at(root, "teacher_check.words")).data, "all the same"));
    json_value_free(root);
    experiment_made_free(&made);
}

// The teacher ranks better, but its LogLoss is that of Base.
static void a_teacher_that_is_not_better(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, experiment_text);
    for (size_t i = 0; i < 4; i++) {
        struct experiment_made_run run = runs[i];
        run.valid_logloss = .5;
        experiment_made_run(&made, &run);
    }
    struct json_value *root = collect(&made);
    is_bool(root, "teacher_check.better", false);
    assert_non_null(strstr(json_value_text(at(root, "teacher_check.words")).data, "not trained"));
    is_null(root, "methods.2.chosen");
    is_text(root, "methods.2.words", "not trained: its teacher is not better than Base");
    is(root, "runs.stopped", 3);
    is(root, "runs.finished", 4);
    json_value_free(root);
    experiment_made_free(&made);
}

static void refused(const struct experiment_made *made, const char *id, const char *path)
{
    struct json_value *results;
    struct diag diag = {0};
    assert_int_equal(results_collect(&made->experiment, &made->plan, &results, &diag),
                     STATUS_CORRUPT);
    assert_non_null(strstr(diag.file, id));
    assert_string_equal(diag.path, path);
}

static void runs_that_do_not_fit(void **state)
{
    (void)state;
    struct experiment_made made;
    experiment_made_init(&made, experiment_text);
    write_all(&made);
    struct experiment_made_run run = runs[6];
    run.data = "{\"hash\": \"00fe\"}";
    experiment_made_run(&made, &run);
    refused(&made, "clid-chosen-s2", "data");
    // Another part of the training lists validates: the seed's own affair.
    run.data = "{\"hash\": \"00ff\", \"test_hash\": \"11\", \"columns\": 3, \"privileged\": 7,"
               " \"train\": {\"lists\": 5}, \"valid\": {\"lists\": 3},"
               " \"test\": {\"clicks\": 5, \"docs\": 20, \"lists\": 3}}";
    experiment_made_run(&made, &run);
    json_value_free(collect(&made));
    run = runs[6];
    run.lists = "[0.5, null]";
    experiment_made_run(&made, &run);
    refused(&made, "clid-chosen-s2", "ndcg_lists");
    run = runs[1];
    run.reliability = "[[2, 0.6, 0, 0.2]]";
    experiment_made_run(&made, &run);
    refused(&made, "base-chosen-s2", "reliability");
    run.reliability = "[[0, 0.6, 0, 0.2], [3, 2.1, 3, 2.4]]";
    experiment_made_run(&made, &run);
    refused(&made, "base-chosen-s2", "reliability");
    experiment_made_run(&made, &runs[1]);
    experiment_made_run(&made, &runs[6]);
    char from[200], to[200];
    snprintf(from, sizeof(from), "%s/runs/base-lr0.001-s1/run.json", made.scratch.folder);
    snprintf(to, sizeof(to), "%s/runs/teacher-lr0.001-s1/run.json", made.scratch.folder);
    assert_int_equal(rename(from, to), 0);
    experiment_plan_look(&made.experiment, &made.plan);
    refused(&made, "teacher-lr0.001-s1", "id");
    experiment_made_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head),
        cmocka_unit_test(the_methods),
        cmocka_unit_test(equal_runs_give_equal_bytes),
        cmocka_unit_test(half_an_experiment),
        cmocka_unit_test(diverged_runs),
        cmocka_unit_test(one_seed),
        cmocka_unit_test(a_teacher_that_is_not_better),
        cmocka_unit_test(runs_that_do_not_fit),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
