#include "model/train/results_production.h"

#include "model/train/results_cell.h"
#include "model/train/results_method.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PRODUCTION_TEXT = 128 };

static const char production_source[] =
    "Calibration-compatible Listwise Distillation of Privileged Features for CTR Prediction, "
    "arXiv 2312.08727, production data";

static const double production_alike = .3; // percent, the limit of claim A3

struct production {
    const char *method;
    double gauc, logloss; // percent
};

struct ordering {
    const char *a, *b;
    enum results_measure measure;
    bool above;
};

enum { PRODUCTION_AROUND, PRODUCTION_ABOVE };

#define PRODUCTION(method, gauc, logloss) {#method, gauc, logloss},
#define ORDERING(...)
static const struct production published[] = {
#include "model/train/results_production.def"
};
#undef PRODUCTION
#undef ORDERING
#define PRODUCTION(...)
#define ORDERING(measure, a, b, sign) {#a, #b, RESULTS_##measure, PRODUCTION_##sign},
static const struct ordering orderings[] = {
#include "model/train/results_production.def"
};
#undef PRODUCTION
#undef ORDERING

const char *results_production_verdict(bool above, const struct results_interval *interval)
{
    if (isnan(interval->low) || isnan(interval->high))
        return "cannot be told";
    const double low = interval->low, high = interval->high, alike = production_alike;
    const bool seen = above ? low > 0 : low >= -alike && high <= alike;
    const bool contradicted = above ? high < 0 : low > alike || high < -alike;
    return seen ? "seen" : contradicted ? "contradicted" : "within the interval";
}

static const struct production *production_find(const char *method)
{
    for (size_t i = 0; i < sizeof(published) / sizeof(*published); i++)
        if (strcmp(published[i].method, method) == 0)
            return &published[i];
    return NULL;
}

// Of Base, to which all is relative, 0.
static double production_paper(const char *method, enum results_measure measure)
{
    const struct production *paper = production_find(method);
    return paper == NULL ? 0 : measure == RESULTS_GAUC ? paper->gauc : paper->logloss;
}

static void production_difference(const struct results_table *table, const char *a, const char *b,
                                  enum results_measure measure,
                                  struct results_interval *ret_interval)
{
    const struct results_pair pair = {.a = results_compare_sample(table, a, RESULTS_CHOSEN),
                                      .b = results_compare_sample(table, b, RESULTS_CHOSEN),
                                      .relative = true};
    results_compare_difference(table, &pair, RESULTS_TEST, measure, ret_interval);
}

static void production_set_mean(const struct results_table *table, const char *method,
                                enum results_measure measure, struct json_value *row)
{
    const struct results_sample sample = results_compare_sample(table, method, RESULTS_CHOSEN);
    const char *key = results_table_measures[measure].key;
    struct results_interval mean;
    if (!results_table_has(table, measure)) {
        json_value_set_number(row, key, (double)NAN); // null
        return;
    }
    results_compare_mean(table, &sample, RESULTS_TEST, measure, &mean);
    struct json_value *map = json_value_new_map();
    json_value_set_number(map, "mean", mean.mean);
    json_value_set_number(map, "half", mean.half);
    json_value_set(row, key, map);
}

static struct json_value *production_row(const struct results_table *table,
                                         const struct method *method)
{
    static const enum results_measure relative[] = {RESULTS_GAUC, RESULTS_LOGLOSS};
    struct json_value *row = json_value_new_map();
    json_value_set_text(row, "method", method->name);
    json_value_set_text(row, "title", method->title);
    for (size_t i = 0; i < sizeof(relative) / sizeof(*relative); i++) {
        const char *key = results_table_measures[relative[i]].key;
        struct results_interval interval;
        if (method == method_find("base")) {
            json_value_set_number(row, key, (double)NAN); // null
            continue;
        }
        production_difference(table, method->name, "base", relative[i], &interval);
        json_value_set(row, key, results_method_difference(&interval));
    }
    production_set_mean(table, method->name, RESULTS_TRUE_ERROR, row);
    production_set_mean(table, method->name, RESULTS_REGRET_PERCENT, row);
    const struct production *paper = production_find(method->name);
    if (paper == NULL) {
        json_value_set_number(row, "paper", (double)NAN); // null
        return row;
    }
    struct json_value *said = json_value_new_map();
    json_value_set_number(said, "gauc", paper->gauc);
    json_value_set_number(said, "logloss", paper->logloss);
    json_value_set(row, "paper", said);
    return row;
}

static struct json_value *production_ordering(const struct results_table *table,
                                              const struct ordering *ordering)
{
    struct json_value *item = json_value_new_map();
    struct results_interval interval;
    char what[PRODUCTION_TEXT];
    production_difference(table, ordering->a, ordering->b, ordering->measure, &interval);
    snprintf(what, sizeof(what), "%s: %s %s %s", results_table_measures[ordering->measure].title,
             method_find(ordering->a)->title, ordering->above ? "above" : "like",
             method_find(ordering->b)->title);
    json_value_set_text(item, "measure", results_table_measures[ordering->measure].key);
    json_value_set_text(item, "what", what);
    json_value_set_number(item, "paper",
                          production_paper(ordering->a, ordering->measure) -
                              production_paper(ordering->b, ordering->measure));
    json_value_set_number(item, "mean", interval.mean);
    json_value_set_number(item, "low", interval.low);
    json_value_set_number(item, "high", interval.high);
    json_value_set_int(item, "n", (int64_t)interval.n);
    json_value_set_text(item, "verdict", results_production_verdict(ordering->above, &interval));
    return item;
}

void results_production_set(const struct results_table *table, struct json_value *root)
{
    if (table->rank == RESULTS_NDCG10) {
        json_value_set_number(root, "production", (double)NAN); // null
        return;
    }
    struct json_value *map = json_value_new_map();
    struct json_value *rows = json_value_new_list(), *list = json_value_new_list();
    for (size_t m = 0; m < table->method_count; m++)
        json_value_push(rows, production_row(table, table->methods[m].method));
    for (size_t i = 0; i < sizeof(orderings) / sizeof(*orderings); i++)
        json_value_push(list, production_ordering(table, &orderings[i]));
    json_value_set_text(map, "source", production_source);
    json_value_set(map, "methods", rows);
    json_value_set(map, "orderings", list);
    json_value_set(root, "production", map);
}

// ---- results.md ----

static void production_cell(struct buf *out, const struct json_value *row, const char *key)
{
    const struct json_value *cell = results_cell_at(row, key);
    results_cell_range(out, results_cell_number(cell, "mean"), results_cell_number(cell, "low"),
                       results_cell_number(cell, "high"), 2);
    buf_text(out, results_cell_true(cell, "significant") ? " • | " : " | ");
    results_cell_signed(out, results_cell_number(results_cell_at(row, "paper"), key), 2);
    buf_text(out, " | ");
}

static void production_mean(struct buf *out, const struct json_value *row, const char *key,
                            int digits)
{
    const struct json_value *cell = results_cell_at(row, key);
    results_cell_mean(out, results_cell_number(cell, "mean"), results_cell_number(cell, "half"),
                      digits);
    buf_text(out, " |");
}

static void production_rows(struct buf *out, const struct json_value *rows)
{
    buf_text(out, "| method | GAUC, % | paper | LogLoss, % | paper | true error | regret, % |\n"
                  "|---|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < json_value_size(rows); i++) {
        const struct json_value *row = json_value_at(rows, i);
        buf_printf(out, "| %s | ", results_cell_text(row, "title"));
        production_cell(out, row, "gauc");
        production_cell(out, row, "logloss");
        production_mean(out, row, "true_error", 4);
        buf_char(out, ' ');
        production_mean(out, row, "regret_percent", 3);
        buf_text(out, "\n");
    }
    buf_char(out, '\n');
}

void results_production_markdown(const struct json_value *results, struct buf *out)
{
    const struct json_value *production = results_cell_at(results, "production");
    if (production == NULL)
        return;
    const struct json_value *list = json_value_get(production, "orderings");
    buf_printf(out,
               "## Relative to Base, beside the paper's production table\n\n"
               "Test, difference to Base in percent of it, with the 95 %% interval of pairs of "
               "seeds; • : it leaves out 0. Paper: %s; it has no intervals. True error and regret: "
               "mean ± half of the interval, where the true probabilities are known. An ordering "
               "\"like\" is seen where the interval lies within ± 0.3 %%, contradicted where it "
               "lies beyond.\n\n",
               results_cell_text(production, "source"));
    production_rows(out, json_value_get(production, "methods"));
    buf_text(out, "| ordering in the paper | paper, % points | here, % | n | |\n"
                  "|---|--:|--:|--:|---|\n");
    for (size_t i = 0; i < json_value_size(list); i++) {
        const struct json_value *item = json_value_at(list, i);
        buf_printf(out, "| %s | ", results_cell_text(item, "what"));
        results_cell_signed(out, results_cell_number(item, "paper"), 2);
        buf_text(out, " | ");
        results_cell_range(out, results_cell_number(item, "mean"), results_cell_number(item, "low"),
                           results_cell_number(item, "high"), 3);
        buf_printf(out, " | %" PRId64 " | %s |\n", json_value_int(json_value_get(item, "n")),
                   results_cell_text(item, "verdict"));
    }
    buf_char(out, '\n');
}
