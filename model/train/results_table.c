#include "model/train/results_table.h"

#include "model/train/experiment_record.h"
#include "model/train/results_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_ALL = 100 }; // percent of the training lists

const struct results_measure_row results_table_measures[RESULTS_MEASURES] = {
#define RESULTS_MEASURE(name, key, title, better, digits) {key, title, RESULTS_##better, digits},
#include "model/train/results_measures.def"
#undef RESULTS_MEASURE
};

const char *results_table_better(enum results_better better)
{
    static const char *const names[] = {"higher", "lower", "one", "zero"};
    return names[better];
}

static double results_number(const struct json_value *map, const char *key)
{
    const struct json_value *value = map == NULL ? NULL : json_value_get(map, key);
    const enum json_value_kind kind = value == NULL ? JSON_VALUE_NULL : json_value_kind(value);
    return kind == JSON_VALUE_INT || kind == JSON_VALUE_REAL ? json_value_number(value)
                                                             : (double)NAN;
}

static void results_measure_all(const struct json_value *part, double values[RESULTS_MEASURES])
{
    for (size_t i = 0; i < RESULTS_MEASURES; i++)
        values[i] = results_number(part, results_table_measures[i].key);
}

MUST_USE static enum status results_take_run(struct results_table *table, size_t index,
                                             const struct experiment_entry *entry,
                                             const struct json_value *root, struct diag *reterr)
{
    const struct json_value *id, *status, *data = json_value_get(root, "data");
    struct results_run *run = &table->runs[index];
    TRY(json_value_need(root, "id", JSON_VALUE_TEXT, &id, reterr));
    TRY(json_value_need(root, "status", JSON_VALUE_TEXT, &status, reterr));
    if (!span_is(json_value_text(id), entry->id))
        return diag_at_path(reterr, STATUS_CORRUPT, "id", "is not %s", entry->id);
    run->finished = true;
    run->diverged = !span_is(json_value_text(status), "ok");
    run->setting = (struct experiment_setting){
        results_number(root, "ratio"), results_number(root, "tau"), results_number(root, "lr")};
    if (run->diverged)
        return STATUS_OK;
    const struct json_value *valid, *test;
    TRY(json_value_need(root, "valid", JSON_VALUE_MAP, &valid, reterr));
    TRY(json_value_need(root, "test", JSON_VALUE_MAP, &test, reterr));
    results_measure_all(valid, run->valid);
    results_measure_all(test, run->test);
    return data == NULL ? STATUS_OK : results_data_take(&table->data, data, reterr);
}

MUST_USE static enum status results_load_run(const struct experiment *experiment,
                                             const struct experiment_entry *entry, size_t index,
                                             struct results_table *table, struct diag *reterr)
{
    struct results_run *run = &table->runs[index];
    *run = (struct results_run){.method = entry->method,
                                .search = entry->search,
                                .share = entry->percent < TABLE_ALL,
                                .setting = entry->setting};
    results_measure_all(NULL, run->valid);
    results_measure_all(NULL, run->test);
    if (!entry->finished)
        return STATUS_OK;
    struct json_value *root;
    TRY(experiment_record_read(experiment, entry, &root, reterr));
    enum status code = results_take_run(table, index, entry, root, reterr);
    json_value_free(root);
    if (code != STATUS_OK) {
        char *path = experiment_plan_path(experiment, entry, "run.json");
        diag_in_file(reterr, path == NULL ? entry->id : path);
        free(path);
    }
    return code;
}

// Those on all training lists first: theirs are the counts of the data.
MUST_USE static enum status results_load_runs(const struct experiment *experiment,
                                              const struct experiment_plan *plan,
                                              struct results_table *table, struct diag *reterr)
{
    for (unsigned share = 0; share < 2; share++)
        for (size_t i = 0; i < plan->count; i++)
            if ((plan->entries[i].percent < TABLE_ALL) == (share == 1))
                TRY(results_load_run(experiment, &plan->entries[i], i, table, reterr));
    return STATUS_OK;
}

// Whether all runs that the choice of `method` looks at are finished.
static bool results_is_ready(const struct experiment_plan *plan, const struct method *method)
{
    const struct method *base = method_find("base");
    const bool judged = method->role == CHECKPOINT_STUDENT && method != base;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment_entry *entry = &plan->entries[i];
        const bool looked_at =
            (entry->method == method && entry->search) || (judged && entry->method == base);
        if (looked_at && !entry->finished)
            return false;
    }
    return true;
}

static void results_count_seeds(const struct results_table *table, struct results_method *row)
{
    size_t there = 0, diverged = 0;
    for (size_t s = 0; s < table->seed_count; s++)
        if (row->runs[s] != EXPERIMENT_NONE) {
            there += table->runs[row->runs[s]].finished;
            diverged += table->runs[row->runs[s]].diverged;
        }
    if (there < table->seed_count || diverged > 0)
        snprintf(row->words, sizeof(row->words), "%zu of %zu seeds finished, %zu diverged", there,
                 table->seed_count, diverged);
}

MUST_USE static enum status results_choose(const struct experiment *experiment,
                                           const struct experiment_plan *plan,
                                           struct results_table *table, struct results_method *row,
                                           struct diag *reterr)
{
    struct diag why = {0};
    for (size_t i = 0; i < plan->count; i++)
        if (plan->entries[i].method == row->method && plan->entries[i].search) {
            row->searches++;
            row->searched += plan->entries[i].finished;
        }
    for (size_t s = 0; s < table->seed_count; s++)
        row->runs[s] = EXPERIMENT_NONE;
    TRY(experiment_choice_stops(experiment, plan, row->method, &row->stopped, reterr));
    if (row->stopped) {
        snprintf(row->words, sizeof(row->words),
                 "not trained: its teacher is not better than Base");
        return STATUS_OK;
    }
    if (!results_is_ready(plan, row->method)) {
        snprintf(row->words, sizeof(row->words), "%zu of %zu settings tried", row->searched,
                 row->searches);
        return STATUS_OK;
    }
    enum status code = experiment_choice_make(experiment, plan, row->method, &row->choice, &why);
    if (code == STATUS_NOT_FINITE) {
        snprintf(row->words, sizeof(row->words), "%.100s", why.words);
        return STATUS_OK;
    }
    if (code != STATUS_OK) {
        if (reterr != NULL)
            *reterr = why;
        return code;
    }
    row->chosen = true;
    for (size_t s = 0; s < table->seed_count; s++)
        TRY(experiment_choice_run(experiment, plan, row->method, experiment->config.seeds.items[s],
                                  &row->runs[s], reterr));
    results_count_seeds(table, row);
    return STATUS_OK;
}

enum status results_table_load(const struct experiment *experiment,
                               const struct experiment_plan *plan, struct results_table *ret_table,
                               struct diag *reterr)
{
    static const enum results_measure ranks[] = {RESULTS_NDCG10, RESULTS_GAUC, RESULTS_AUC};
    struct results_table table = {.run_count = plan->count,
                                  .rank = ranks[experiment->config.train.train_rank_by],
                                  .share = experiment->config.search_percent < TABLE_ALL,
                                  .method_count = plan->method_count,
                                  .seed_count = experiment->config.seeds.count};
    enum status code = STATUS_OK;
    table.runs = calloc(table.run_count + 1, sizeof(*table.runs));
    table.methods = calloc(table.method_count + 1, sizeof(*table.methods));
    table.scratch = calloc(table.seed_count + 1, sizeof(*table.scratch));
    if (table.runs == NULL || table.methods == NULL || table.scratch == NULL)
        code = STATUS_NO_MEMORY;
    for (size_t m = 0; m < table.method_count && code == STATUS_OK; m++) {
        table.methods[m].method = plan->methods[m];
        table.methods[m].runs = calloc(table.seed_count + 1, sizeof(*table.methods[m].runs));
        code = table.methods[m].runs == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (code != STATUS_OK)
        diag_set(reterr, code, "out of memory for %zu runs", plan->count);
    else
        code = results_load_runs(experiment, plan, &table, reterr);
    for (size_t m = 0; m < table.method_count && code == STATUS_OK; m++)
        code = results_choose(experiment, plan, &table, &table.methods[m], reterr);
    if (code == STATUS_OK)
        *ret_table = table;
    else
        results_table_free(&table);
    return code;
}

void results_table_free(struct results_table *table)
{
    for (size_t m = 0; table->methods != NULL && m < table->method_count; m++)
        free(table->methods[m].runs);
    free(table->methods);
    free(table->runs);
    free(table->scratch);
    json_value_free(table->data);
    *table = (struct results_table){0};
}

const struct results_method *results_table_find(const struct results_table *table,
                                                const char *method)
{
    for (size_t m = 0; m < table->method_count; m++)
        if (strcmp(table->methods[m].method->name, method) == 0)
            return &table->methods[m];
    return NULL;
}

bool results_table_has(const struct results_table *table, enum results_measure measure)
{
    for (size_t i = 0; i < table->run_count; i++)
        if (!isnan(table->runs[i].test[measure]))
            return true;
    return false;
}
