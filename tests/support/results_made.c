#include "tests/support/results_made.h"

#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

void results_made_init(struct results_table *table, size_t seeds)
{
    *table = (struct results_table){.seed_count = seeds};
    table->runs = calloc(RESULTS_MADE_RUNS, sizeof(*table->runs));
    table->methods = calloc(method_count(), sizeof(*table->methods));
    table->scratch = calloc(seeds, sizeof(*table->scratch));
    assert_true(table->runs != NULL && table->methods != NULL && table->scratch != NULL);
}

static size_t made_add(struct results_table *table, const struct results_run *run)
{
    assert_true(table->run_count < RESULTS_MADE_RUNS);
    struct results_run *added = &table->runs[table->run_count];
    *added = *run;
    for (size_t m = 0; m < RESULTS_MEASURES; m++)
        added->valid[m] = added->test[m] = (double)NAN;
    return table->run_count++;
}

size_t results_made_search(struct results_table *table, const char *method, double ratio)
{
    const struct results_run run = {.method = method_find(method),
                                    .search = true,
                                    .finished = true,
                                    .setting = {ratio, (double)NAN, .001}};
    assert_non_null(run.method);
    if (results_table_find(table, method) == NULL) {
        struct results_method *added = &table->methods[table->method_count++];
        added->method = run.method;
        added->runs = calloc(table->seed_count, sizeof(*added->runs));
        assert_non_null(added->runs);
        for (size_t s = 0; s < table->seed_count; s++)
            added->runs[s] = EXPERIMENT_NONE;
    }
    return made_add(table, &run);
}

static struct results_method *made_method(struct results_table *table, const char *name)
{
    for (size_t m = 0; m < table->method_count; m++)
        if (table->methods[m].method == method_find(name))
            return &table->methods[m];
    fail_msg("no method %s", name);
    return NULL;
}

void results_made_choose(struct results_table *table, size_t run)
{
    struct results_method *method = made_method(table, table->runs[run].method->name);
    struct results_run other = table->runs[run];
    other.search = false;
    method->chosen = true;
    method->choice.entry = run;
    method->choice.rule = "by hand";
    method->runs[0] = (ptrdiff_t)run;
    for (size_t s = 1; s < table->seed_count; s++)
        method->runs[s] = (ptrdiff_t)made_add(table, &other);
}

struct results_run *results_made_run(struct results_table *table, const char *method, size_t seed)
{
    return &table->runs[made_method(table, method)->runs[seed]];
}

void results_made_method(struct results_table *table, const char *method,
                         enum results_measure measure, const double *values)
{
    if (results_table_find(table, method) == NULL)
        results_made_choose(table, results_made_search(table, method, (double)NAN));
    for (size_t s = 0; s < table->seed_count; s++)
        results_made_run(table, method, s)->test[measure] = values[s];
}
