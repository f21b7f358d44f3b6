// The table beside the paper's production data: made results, told by hand.
#include "model/train/results_production.h"

#include "model/train/results_cell.h"
#include "tests/support/check.h"
#include "tests/support/results_made.h"

#include <math.h>
#include <string.h>

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        double low, high;
        const char *above, *around;
    } cases[] = {
        {.1, .2, "seen", "seen"},
        {-.2, -.1, "contradicted", "seen"},
        {-.1, .2, "within the interval", "seen"},
        {0, .3, "within the interval", "seen"},
        {.1, .31, "seen", "within the interval"},
        {-5, .1, "within the interval", "within the interval"},
        {.31, .4, "seen", "contradicted"},
        {-.4, -.31, "contradicted", "contradicted"},
        {(double)NAN, (double)NAN, "cannot be told", "cannot be told"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct results_interval interval = {.low = cases[i].low, .high = cases[i].high};
        assert_string_equal(results_production_verdict(true, &interval), cases[i].above);
        assert_string_equal(results_production_verdict(false, &interval), cases[i].around);
    }
}

static const struct json_value *row(const struct json_value *list, const char *key,
                                    const char *name)
{
    for (size_t i = 0; i < json_value_size(list); i++)
        if (strcmp(results_cell_text(json_value_at(list, i), key), name) == 0)
            return json_value_at(list, i);
    fail_msg("no %s", name);
    return NULL;
}

static void is(double got, double want)
{
    if (!(fabs(got - want) < 1e-9))
        fail_msg("got %.17g, want %.17g", got, want);
}

// GAUC of Base .5 and .8; CLID 1 % and 3 % above it: mean 2, t(.05, 1) * 1 = 12.706 to each side.
static void fill(struct results_table *table)
{
    results_made_init(table, 2);
    table->rank = RESULTS_GAUC;
    results_made_method(table, "base", RESULTS_GAUC, (double[]){.5, .8});
    results_made_method(table, "base", RESULTS_LOGLOSS, (double[]){.1, .1});
    results_made_method(table, "pointwise", RESULTS_GAUC, (double[]){.5, .8});
    results_made_method(table, "clid", RESULTS_GAUC, (double[]){.505, .824});
    results_made_method(table, "clid", RESULTS_LOGLOSS, (double[]){.101, .101});
    results_made_method(table, "clid", RESULTS_TRUE_ERROR, (double[]){.01, .02});
    results_made_method(table, "listnet", RESULTS_LOGLOSS, (double[]){.102, .102});
}

static void beside_the_paper(void **state)
{
    (void)state;
    struct results_table table;
    fill(&table);
    struct json_value *root = json_value_new_map();
    results_production_set(&table, root);
    const struct json_value *production = json_value_get(root, "production");
    const struct json_value *methods = json_value_get(production, "methods");
    const struct json_value *clid = row(methods, "method", "clid");
    is(results_cell_number(results_cell_at(clid, "gauc"), "mean"), 2);
    is(results_cell_number(results_cell_at(clid, "gauc"), "high"), 2 + 12.706204736174707);
    is(results_cell_number(results_cell_at(clid, "logloss"), "mean"), 1);
    is(results_cell_number(results_cell_at(clid, "true_error"), "mean"), .015);
    is(results_cell_number(results_cell_at(clid, "paper"), "gauc"), .38);
    is(results_cell_number(results_cell_at(clid, "paper"), "logloss"), .02);
    const struct json_value *base = row(methods, "method", "base");
    assert_null(results_cell_at(base, "gauc"));
    assert_null(results_cell_at(base, "paper"));
    assert_null(results_cell_at(base, "regret_percent"));
    const struct json_value *list = json_value_get(production, "orderings");
    static const struct {
        const char *what, *verdict;
        double paper;
    } cases[] = {
        {"GAUC: CLID above Base+Pointwise", "within the interval", .34},
        {"GAUC: Base+Pointwise above Base", "within the interval", .04},
        {"GAUC: Base+ListNet above Base+Pointwise", "cannot be told", .34},
        {"LogLoss: CLID like Base", "contradicted", .02},
        {"LogLoss: Base+ListNet above Base", "seen", .17},
        {"LogLoss: Base+ListMLE above Base+ListNet", "cannot be told", .61},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct json_value *item = row(list, "what", cases[i].what);
        assert_string_equal(results_cell_text(item, "verdict"), cases[i].verdict);
        is(results_cell_number(item, "paper"), cases[i].paper);
    }
    struct buf out;
    buf_init(&out, 1 << 16);
    results_production_markdown(root, &out);
    assert_int_equal(buf_status(&out), STATUS_OK);
    static const char *const lines[] = {
        "\n| CLID | +2.00 [-10.71, +14.71] | +0.38 | +1.00 [+1.00, +1.00] • | +0.02 | 0.0150 ± ",
        "\n| Base | - | - | - | - | - | - |\n",
        "\n| LogLoss: Base+ListNet above Base | +0.17 | +2.000 [+2.000, +2.000] | 2 | seen |\n",
        "arXiv 2312.08727",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        if (strstr(out.data, lines[i]) == NULL)
            fail_msg("no \"%s\" in\n%s", lines[i], out.data);
    buf_fini(&out);
    json_value_free(root);
    results_table_free(&table);
}

static void by_ndcg_there_is_none(void **state)
{
    (void)state;
    struct results_table table;
    fill(&table);
    table.rank = RESULTS_NDCG10;
    struct json_value *root = json_value_new_map();
    struct buf out;
    buf_init(&out, 1 << 16);
    results_production_set(&table, root);
    assert_int_equal(json_value_kind(json_value_get(root, "production")), JSON_VALUE_NULL);
    results_production_markdown(root, &out);
    assert_int_equal(buf_view(&out).size, 0);
    buf_fini(&out);
    json_value_free(root);
    results_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(beside_the_paper),
        cmocka_unit_test(by_ndcg_there_is_none),
    };
    return cmocka_run_group_tests_name("results_production", tests, NULL, NULL);
}
