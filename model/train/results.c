#include "model/train/results.h"

#include "model/train/results_claims.h"
#include "model/train/results_head.h"
#include "model/train/results_method.h"
#include "model/train/results_production.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RESULTS_WORDS = 200 };

struct results {
    const struct experiment *experiment;
    const struct experiment_plan *plan;
    struct results_table table;
    struct results_detail *details; // (table.method_count)
    struct json_value *root;
};

static void results_set_runs(struct results *results)
{
    struct json_value *counts = json_value_new_map(), *ids = json_value_new_list();
    int64_t finished = 0, diverged = 0, stopped = 0;
    for (size_t i = 0; i < results->table.run_count; i++) {
        finished += results->table.runs[i].finished;
        diverged += results->table.runs[i].diverged;
        stopped +=
            results_table_find(&results->table, results->table.runs[i].method->name)->stopped;
        if (results->table.runs[i].diverged)
            json_value_push_text(ids, results->plan->entries[i].id);
    }
    json_value_set_int(counts, "planned", (int64_t)results->table.run_count);
    json_value_set_int(counts, "finished", finished);
    json_value_set_int(counts, "diverged", diverged);
    json_value_set_int(counts, "stopped", stopped);
    json_value_set(results->root, "runs", counts);
    json_value_set(results->root, "diverged", ids);
}

static void results_set_selection(struct results *results)
{
    const struct results_table *table = &results->table;
    struct results_interval mean;
    results_compare_base(table, RESULTS_VALID, RESULTS_LOGLOSS, &mean);
    struct json_value *map = json_value_new_map();
    json_value_set_number(map, "base_logloss", mean.mean);
    json_value_set_number(map, "base_ci", mean.half);
    json_value_set_number(map, "bound", isnan(mean.half) ? mean.mean : mean.high);
    json_value_set(results->root, "selection", map);
}

MUST_USE static enum status results_set_teacher(struct results *results, struct diag *reterr)
{
    const struct results_table *table = &results->table;
    const enum results_measure measures[] = {table->rank, RESULTS_LOGLOSS};
    const struct results_pair pair = {.a = results_compare_sample(table, "teacher", RESULTS_CHOSEN),
                                      .b = results_compare_sample(table, "base", RESULTS_CHOSEN)};
    json_value_set_number(results->root, "teacher_check", (double)NAN); // null
    if (pair.a.method == NULL)
        return STATUS_OK;
    for (size_t s = 0; s < table->seed_count; s++)
        if (results_compare_run(table, &pair.a, s) == NULL ||
            results_compare_run(table, &pair.b, s) == NULL)
            return STATUS_OK;
    struct experiment_teacher check;
    TRY(experiment_choice_check(results->experiment, results->plan, pair.a.method->method, &check,
                                reterr));
    struct json_value *map = json_value_new_map();
    json_value_set_bool(map, "better", check.better);
    for (size_t i = 0; i < sizeof(measures) / sizeof(*measures); i++) {
        struct results_interval interval;
        results_compare_difference(table, &pair, RESULTS_VALID, measures[i], &interval);
        json_value_set(map, results_table_measures[measures[i]].key,
                       results_method_difference(&interval));
    }
    const bool stop = results->experiment->config.teacher_check == EXPERIMENT_TEACHER_STOP;
    char words[RESULTS_WORDS] = "the teacher is better than Base on validation";
    if (!check.better)
        snprintf(words, sizeof(words),
                 "the teacher is not better than Base on validation in both %s and LogLoss: %s",
                 results_table_measures[table->rank].title,
                 stop ? "what it would teach was not trained" : "distilled all the same");
    json_value_set_text(map, "words", words);
    json_value_set(results->root, "teacher_check", map);
    return STATUS_OK;
}

static void results_set_measures(struct results *results)
{
    struct json_value *list = json_value_new_list();
    for (enum results_measure m = 0; m < RESULTS_MEASURES; m++) {
        const struct results_measure_row *row = &results_table_measures[m];
        if (!results_table_has(&results->table, m))
            continue;
        struct json_value *item = json_value_new_map();
        json_value_set_text(item, "key", row->key);
        json_value_set_text(item, "title", row->title);
        json_value_set_text(item, "better", results_table_better(row->better));
        json_value_set_int(item, "digits", row->digits);
        json_value_push(list, item);
    }
    json_value_set(results->root, "measures", list);
}

static struct json_value *results_values(const struct results_table *table,
                                         const double values[RESULTS_MEASURES])
{
    struct json_value *map = json_value_new_map();
    for (enum results_measure m = 0; m < RESULTS_MEASURES; m++)
        if (results_table_has(table, m))
            json_value_set_number(map, results_table_measures[m].key, values[m]);
    return map;
}

static void results_set_sweep(struct results *results)
{
    const struct results_table *table = &results->table;
    struct json_value *list = json_value_new_list();
    for (size_t i = 0; i < table->run_count; i++) {
        const struct results_run *run = &table->runs[i];
        const struct results_method *method = results_table_find(table, run->method->name);
        if (!run->search || !run->finished)
            continue;
        struct json_value *item = json_value_new_map();
        json_value_set_text(item, "id", results->plan->entries[i].id);
        json_value_set_text(item, "method", run->method->name);
        json_value_set_number(item, "ratio", run->setting.ratio);
        json_value_set_number(item, "tau", run->setting.tau);
        json_value_set_number(item, "lr", run->setting.lr);
        json_value_set_int(item, "seed", results->plan->entries[i].seed);
        json_value_set_text(item, "status", run->diverged ? "diverged" : "ok");
        json_value_set_bool(item, "chosen", method->chosen && method->choice.entry == i);
        json_value_set(item, "valid", results_values(table, run->valid));
        json_value_set(item, "test", results_values(table, run->test));
        json_value_push(list, item);
    }
    json_value_set(results->root, "sweep", list);
}

MUST_USE static enum status results_set_methods(struct results *results, struct diag *reterr)
{
    const struct results_table *table = &results->table;
    struct json_value *list = json_value_new_list();
    const struct results_method *clid = results_table_find(table, "clid");
    enum status code = STATUS_OK;
    for (size_t m = 0; m < table->method_count && code == STATUS_OK; m++)
        code = results_detail_load(results->experiment, results->plan, table, &table->methods[m],
                                   &results->details[m], reterr);
    for (size_t m = 0; m < table->method_count && code == STATUS_OK; m++)
        json_value_push(list, results_method_json(
                                  table, results->plan, &table->methods[m], &results->details[m],
                                  clid == NULL ? NULL : &results->details[clid - table->methods]));
    json_value_set(results->root, "methods", list);
    return code;
}

MUST_USE static enum status results_build(struct results *results, struct diag *reterr)
{
    results->root = json_value_new_map();
    results->details = calloc(results->table.method_count + 1, sizeof(*results->details));
    if (results->root == NULL || results->details == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    results_head_set(results->experiment, &results->table, results->root);
    results_set_runs(results);
    results_set_selection(results);
    results_set_measures(results);
    results_set_sweep(results);
    TRY(results_set_methods(results, reterr));
    json_value_set(results->root, "claims", results_claims_list(&results->table));
    results_production_set(&results->table, results->root);
    return results_set_teacher(results, reterr);
}

enum status results_collect(const struct experiment *experiment, const struct experiment_plan *plan,
                            struct json_value **ret_results, struct diag *reterr)
{
    struct results results = {.experiment = experiment, .plan = plan};
    TRY(results_table_load(experiment, plan, &results.table, reterr));
    enum status code = results_build(&results, reterr);
    for (size_t m = 0; results.details != NULL && m < results.table.method_count; m++)
        results_detail_free(&results.details[m]);
    free(results.details);
    results_table_free(&results.table);
    if (code == STATUS_OK)
        *ret_results = results.root;
    else
        json_value_free(results.root);
    return code;
}
