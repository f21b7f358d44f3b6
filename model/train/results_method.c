#include "model/train/results_method.h"

#include "model/train/results_bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char results_clid[] = "clid", results_base[] = "base";

static struct json_value *method_measures(const struct results_table *table,
                                          const struct results_sample *sample,
                                          enum results_part part)
{
    struct json_value *map = json_value_new_map();
    for (enum results_measure m = 0; m < RESULTS_MEASURES; m++) {
        if (!results_table_has(table, m))
            continue;
        struct results_interval interval;
        results_compare_mean(table, sample, part, m, &interval);
        struct json_value *cell = json_value_new_map(), *values = json_value_new_list();
        for (size_t s = 0; s < table->seed_count; s++)
            json_value_push_number(values, results_compare_value(table, sample, s, part, m));
        json_value_set_number(cell, "mean", interval.mean);
        json_value_set_number(cell, "half", interval.half);
        json_value_set(cell, "values", values);
        json_value_set(map, results_table_measures[m].key, cell);
    }
    return map;
}

struct json_value *results_method_difference(const struct results_interval *interval)
{
    struct json_value *cell = json_value_new_map();
    json_value_set_number(cell, "mean", interval->mean);
    json_value_set_number(cell, "half", interval->half);
    json_value_set_number(cell, "low", interval->low);
    json_value_set_number(cell, "high", interval->high);
    json_value_set_bool(cell, "significant", results_compare_significant(interval));
    json_value_set_int(cell, "n", (int64_t)interval->n);
    return cell;
}

static void method_set_null(struct json_value *map, const char *key)
{
    json_value_set_number(map, key, (double)NAN);
}

// Differences to another method; null for the method itself, and where that one is not there.
static void method_set_versus(const struct results_table *table,
                              const struct results_sample *sample, const char *other,
                              const char *key, struct json_value *method)
{
    struct results_pair pair = {.a = *sample,
                                .b = results_compare_sample(table, other, RESULTS_CHOSEN)};
    if (pair.b.method == NULL || pair.b.method == sample->method) {
        method_set_null(method, key);
        return;
    }
    struct json_value *map = json_value_new_map();
    for (enum results_measure m = 0; m < RESULTS_MEASURES; m++) {
        if (!results_table_has(table, m))
            continue;
        struct results_interval interval;
        results_compare_difference(table, &pair, RESULTS_TEST, m, &interval);
        json_value_set(map, results_table_measures[m].key, results_method_difference(&interval));
    }
    json_value_set(method, key, map);
}

static void method_set_bootstrap(const struct results_detail *detail,
                                 const struct results_detail *clid, struct json_value *method)
{
    double *differences = NULL;
    size_t count = 0;
    struct results_bootstrap drawn = {0};
    if (clid == NULL || clid == detail || clid->lists == 0 || detail->lists != clid->lists) {
        method_set_null(method, "bootstrap");
        return;
    }
    enum status code = results_detail_difference(detail, clid, &differences, &count);
    if (code == STATUS_OK)
        code = results_bootstrap(differences, count, &drawn);
    free(differences);
    // NULL breaks the tree, which says at the end that there was no memory.
    struct json_value *map = code == STATUS_OK ? json_value_new_map() : NULL;
    if (map != NULL) {
        json_value_set_text(map, "measure", results_table_measures[RESULTS_NDCG10].key);
        json_value_set_text(map, "minus", results_clid);
        json_value_set_number(map, "mean", drawn.mean);
        json_value_set_number(map, "low", drawn.low);
        json_value_set_number(map, "high", drawn.high);
        json_value_set_bool(map, "significant", drawn.low > 0 || drawn.high < 0);
        json_value_set_int(map, "lists", (int64_t)drawn.lists);
        json_value_set_int(map, "resamples", RESULTS_RESAMPLES);
    }
    json_value_set(method, "bootstrap", map);
}

static void method_set_chosen(const struct results_table *table,
                              const struct results_method *method, struct json_value *ret_method)
{
    if (!method->chosen) {
        method_set_null(ret_method, "chosen");
        return;
    }
    const struct experiment_setting *setting = &table->runs[method->choice.entry].setting;
    struct json_value *map = json_value_new_map();
    json_value_set_number(map, "ratio", setting->ratio);
    json_value_set_number(map, "tau", setting->tau);
    json_value_set_number(map, "lr", setting->lr);
    json_value_set_text(map, "rule", method->choice.rule);
    json_value_set(ret_method, "chosen", map);
}

struct json_value *results_method_json(const struct results_table *table,
                                       const struct experiment_plan *plan,
                                       const struct results_method *method,
                                       struct results_detail *detail,
                                       const struct results_detail *clid)
{
    const struct results_sample sample =
        results_compare_sample(table, method->method->name, RESULTS_CHOSEN);
    struct json_value *map = json_value_new_map(), *ids = json_value_new_list();
    int64_t n = 0;
    for (size_t s = 0; s < table->seed_count; s++) {
        const struct results_run *run = results_compare_run(table, &sample, s);
        if (run == NULL)
            continue;
        json_value_push_text(ids, plan->entries[run - table->runs].id);
        n += !run->diverged;
    }
    json_value_set_text(map, "method", method->method->name);
    json_value_set_text(map, "title", method->method->title);
    json_value_set_text(map, "summary", method->method->summary);
    json_value_set_text(map, "role",
                        method->method->role == CHECKPOINT_TEACHER ? "teacher" : "student");
    method_set_chosen(table, method, map);
    json_value_set_text(map, "words", method->words);
    json_value_set_int(map, "n", n);
    json_value_set(map, "runs", ids);
    json_value_set(map, "test", method_measures(table, &sample, RESULTS_TEST));
    json_value_set(map, "valid", method_measures(table, &sample, RESULTS_VALID));
    method_set_versus(table, &sample, results_clid, "vs_clid", map);
    method_set_versus(table, &sample, results_base, "vs_base", map);
    method_set_bootstrap(detail, clid, map);
    json_value_set(map, "reliability", detail->reliability);
    json_value_set(map, "curves", detail->curves);
    detail->reliability = detail->curves = NULL;
    return map;
}
