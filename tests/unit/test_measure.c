// The table of measures: what stands in it, and how it looks.
#include "model/train/measure.h"

#include "tests/support/check.h"
#include "tests/support/linear_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t docs[] = {3, 1, 4};

struct bench {
    struct linear_case linear;
    struct scoreset set;
    struct team *team;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    linear_case_make(&bench->linear, docs, 3);
    bench->team = team_start(1);
    assert_int_equal(scoreset_init(&bench->set, &bench->linear.dataset, NULL, 0, NULL), STATUS_OK);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    scoreset_fini(&bench->set);
    team_stop(bench->team);
    linear_case_fini(&bench->linear);
    free(bench);
    return 0;
}

static enum status add(struct bench *bench, struct measure_table *table, const char *name,
                       struct diag *reterr)
{
    return measure_add(table, name, &bench->set, &bench->linear.scorer, bench->team, reterr);
}

// What is printed; the caller frees.
static char *printed(const struct measure_table *table)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    measure_print(table, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

// The row that begins with `name` and a blank, after the blanks behind it.
static const char *row_of(const char *text, const char *name)
{
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
            return line + strlen(name) + strspn(line + strlen(name), " ");
    fail_msg("no row %s in:\n%s", name, text);
    return NULL;
}

static void test_a_column_is_scored_and_measured(void **state)
{
    struct bench *bench = *state;
    struct measure_table table = {0};
    double sum = 0;
    for (size_t i = 0; i < bench->set.docs; i++) {
        double s = linear_case_logit(&bench->linear, i);
        sum += log1p(exp(bench->linear.grade[i] > 0 ? -s : s));
    }
    assert_int_equal(add(bench, &table, "one", NULL), STATUS_OK);
    assert_int_equal(table.count, 1);
    assert_string_equal(table.columns[0].name, "one");
    assert_int_equal(table.columns[0].quality.docs, 8);
    assert_true(fabs(table.columns[0].quality.logloss - sum / 8) < 1e-6);
    // Its model's own calibration counts.
    bench->linear.scorer.checkpoint.calibrate =
        (struct calibrate){.kind = CALIBRATE_OFFSET, .intercept = 40};
    assert_int_equal(add(bench, &table, "two", NULL), STATUS_OK);
    assert_int_equal(table.count, 2);
    assert_true(table.columns[1].quality.pcoc > table.columns[0].quality.pcoc);
    assert_true(table.columns[1].quality.ndcg10 == table.columns[0].quality.ndcg10);
}

static void test_a_fault_leaves_the_table_as_it_was(void **state)
{
    struct bench *bench = *state;
    struct measure_table table = {0};
    struct diag diag = {0};
    assert_int_equal(add(bench, &table, "good", NULL), STATUS_OK);
    bench->linear.scorer.checkpoint.schema.features[0].columns[0] = 1000;
    assert_int_equal(add(bench, &table, "bad", &diag), STATUS_INVALID);
    assert_true(diag.words[0] != '\0');
    assert_int_equal(table.count, 1);
}

static void test_the_table_for_people(void **state)
{
    (void)state;
    struct measure_table table = {
        .columns = {{.name = "a",
                     .quality = {.lists = 7, .docs = 80, .clicks = 9, .ndcg10 = 0.25, .auc = NAN}},
                    {.name = "folder/long-name.safetensors",
                     .quality = {.lists = 8, .ndcg_left_out = 3, .auc = 1}}},
        .count = 2};
    char *text = printed(&table);
    const char *const *names;
    double values[QUALITY_VALUES];
    size_t rows = quality_values(&table.columns[0].quality, &names, values), lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1 + 5 + rows); // names, counts, values
    for (size_t i = 0; i < rows; i++)
        row_of(text, names[i]);
    assert_non_null(strstr(text, " a folder/long-name.safetensors\n"));    // kept apart
    assert_memory_equal(row_of(text, "lists"), "7               8\n", 18); // 16 places a column
    assert_memory_equal(row_of(text, "docs"), "80 ", 3);
    assert_memory_equal(row_of(text, "ndcg left out"), "0               3\n", 18);
    assert_memory_equal(row_of(text, "auc"), "-  ", 3); // undefined
    assert_memory_equal(row_of(text, "ndcg10"), "0.250000 ", 9);
    const char *auc = row_of(text, "auc");
    assert_memory_equal(strchr(auc, '\n') - 9, " 1.000000", 9);
    free(text);
}

static void test_what_is_known_of_the_truth(void **state)
{
    (void)state;
    struct measure_table table = {.columns = {{.name = "a"}, {.name = "b"}}, .count = 1};
    measure_add_worth(&table, &(struct worth){.true_error = 0.125, .welfare = 9});
    char *text = printed(&table);
    assert_memory_equal(row_of(text, "true_error"), "0.125000\n", 9);
    row_of(text, "true_kl");
    assert_null(strstr(text, "welfare"));
    free(text);
    measure_add_worth(&table, &(struct worth){.has_money = true, .welfare = 9, .regret = NAN});
    table.count = 2; // of the second model nothing is known
    text = printed(&table);
    assert_memory_equal(row_of(text, "welfare"), "9.000000               -\n", 25);
    assert_memory_equal(row_of(text, "regret"), "-               -\n", 18);
    free(text);
    struct json_value *known = measure_to_json(&table, 0), *unknown = measure_to_json(&table, 1);
    assert_non_null(json_value_get(known, "overcharge"));
    assert_null(json_value_get(unknown, "true_error"));
    assert_non_null(json_value_get(unknown, "logloss"));
    json_value_free(known);
    json_value_free(unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_column_is_scored_and_measured, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_fault_leaves_the_table_as_it_was, set_up, tear_down),
        cmocka_unit_test(test_the_table_for_people),
        cmocka_unit_test(test_what_is_known_of_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
