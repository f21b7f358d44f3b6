#include "model/train/results_compare.h"

#include "base/stat.h"

#include <math.h>

static const double percent = 100;

// ---- which runs ----

// a before b, with NaN behind everything.
static bool compare_better(double a, double b, enum results_better better)
{
    if (isnan(a) || isnan(b))
        return isnan(b) && !isnan(a);
    return better == RESULTS_HIGHER ? a > b : a < b;
}

static ptrdiff_t compare_best(const struct results_table *table, const struct method *method,
                              enum results_measure measure)
{
    ptrdiff_t best = EXPERIMENT_NONE;
    double value = (double)NAN;
    for (size_t i = 0; i < table->run_count; i++) {
        const struct results_run *run = &table->runs[i];
        if (run->method != method || !run->search)
            continue;
        if (compare_better(run->valid[measure], value, results_table_measures[measure].better)) {
            value = run->valid[measure];
            best = (ptrdiff_t)i;
        }
    }
    return best;
}

static bool compare_same(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a <= b && a >= b);
}

// The search run that differs from the chosen one in the ratio alone.
static ptrdiff_t compare_nearest(const struct results_table *table,
                                 const struct results_method *method, double ratio)
{
    ptrdiff_t nearest = EXPERIMENT_NONE;
    double distance = 1 + 1e-9; // powers of ten
    if (!method->chosen)
        return EXPERIMENT_NONE;
    const struct experiment_setting *chosen = &table->runs[method->choice.entry].setting;
    for (size_t i = 0; i < table->run_count; i++) {
        const struct results_run *run = &table->runs[i];
        if (run->method != method->method || !run->search || !run->finished ||
            !(run->setting.ratio > 0) || !compare_same(run->setting.tau, chosen->tau) ||
            !compare_same(run->setting.lr, chosen->lr))
            continue;
        const double away = fabs(log10(run->setting.ratio / ratio));
        if (away < distance) {
            distance = away;
            nearest = (ptrdiff_t)i;
        }
    }
    return nearest;
}

struct results_sample results_compare_sample(const struct results_table *table, const char *method,
                                             enum results_at at)
{
    static const double ratios[] = {
        [RESULTS_R_1E_3] = 1e-3, [RESULTS_R_1E2] = 1e2, [RESULTS_R_1E4] = 1e4};
    struct results_sample sample = {results_table_find(table, method), EXPERIMENT_NONE, false};
    if (sample.method == NULL)
        return sample;
    const ptrdiff_t chosen =
        sample.method->chosen ? (ptrdiff_t)sample.method->choice.entry : EXPERIMENT_NONE;
    if (at == RESULTS_CHOSEN)
        sample.search = chosen;
    else if (at == RESULTS_BEST_RANK)
        sample.search = compare_best(table, sample.method->method, table->rank);
    else if (at == RESULTS_BEST_LOGLOSS)
        sample.search = compare_best(table, sample.method->method, RESULTS_LOGLOSS);
    else
        sample.search = compare_nearest(table, sample.method, ratios[at]);
    sample.all = sample.search != EXPERIMENT_NONE && sample.search == chosen;
    return sample;
}

const struct results_run *results_compare_run(const struct results_table *table,
                                              const struct results_sample *sample, size_t seed)
{
    if (sample->method == NULL || sample->search == EXPERIMENT_NONE)
        return NULL;
    // The first seed is the one that searches.
    const ptrdiff_t index = sample->all ? sample->method->runs[seed]
                            : seed == 0 ? sample->search
                                        : EXPERIMENT_NONE;
    if (index == EXPERIMENT_NONE || !table->runs[index].finished)
        return NULL;
    return &table->runs[index];
}

double results_compare_value(const struct results_table *table, const struct results_sample *sample,
                             size_t seed, enum results_part part, enum results_measure measure)
{
    const struct results_run *run = results_compare_run(table, sample, seed);
    if (run == NULL)
        return (double)NAN;
    return part == RESULTS_VALID ? run->valid[measure] : run->test[measure];
}

// ---- what they say ----

static void compare_interval(const double *values, size_t n, struct results_interval *ret_interval)
{
    const struct stat_mean mean = stat_mean_of(values, n);
    *ret_interval = (struct results_interval){
        n, mean.mean, mean.half, mean.mean - mean.half, mean.mean + mean.half, false};
}

void results_compare_mean(const struct results_table *table, const struct results_sample *sample,
                          enum results_part part, enum results_measure measure,
                          struct results_interval *ret_interval)
{
    size_t n = 0;
    for (size_t s = 0; s < table->seed_count; s++) {
        const double value = results_compare_value(table, sample, s, part, measure);
        if (!isnan(value))
            table->scratch[n++] = value;
    }
    compare_interval(table->scratch, n, ret_interval);
}

void results_compare_base(const struct results_table *table, enum results_part part,
                          enum results_measure measure, struct results_interval *ret_interval)
{
    const struct results_sample base = results_compare_sample(table, "base", RESULTS_CHOSEN);
    size_t n = 0;
    if (!table->share) {
        results_compare_mean(table, &base, part, measure, ret_interval);
        return;
    }
    for (size_t i = 0; i < table->run_count && n < table->seed_count; i++) {
        const struct results_run *run = &table->runs[i];
        const double value = part == RESULTS_VALID ? run->valid[measure] : run->test[measure];
        if (run->share && run->method == method_find("base") &&
            (!run->search || (ptrdiff_t)i == base.search) && !isnan(value))
            table->scratch[n++] = value;
    }
    compare_interval(table->scratch, n, ret_interval);
}

// The interval of one pair, from Base's spread.
static void compare_spread(const struct results_table *table, const struct results_pair *pair,
                           enum results_part part, enum results_measure measure,
                           struct results_interval *interval)
{
    struct results_interval mean;
    results_compare_base(table, part, measure, &mean);
    interval->half = mean.half * sqrt((double)mean.n) * (pair->ideal ? 1 : sqrt(2));
    if (pair->relative)
        interval->half *= percent / mean.mean;
    interval->low = interval->mean - interval->half;
    interval->high = interval->mean + interval->half;
    interval->spread = !isnan(interval->half);
}

void results_compare_difference(const struct results_table *table, const struct results_pair *pair,
                                enum results_part part, enum results_measure measure,
                                struct results_interval *ret_interval)
{
    struct results_pair alike = *pair;
    const bool all = pair->a.all && (pair->ideal || pair->b.all);
    size_t n = 0;
    if (table->share && !all)
        alike.a.all = alike.b.all = false;
    for (size_t s = 0; s < table->seed_count; s++) {
        const double a = results_compare_value(table, &alike.a, s, part, measure);
        const double b = pair->ideal ? 1 : results_compare_value(table, &alike.b, s, part, measure);
        if (!isnan(a) && !isnan(b))
            table->scratch[n++] = pair->relative ? percent * (a - b) / b : a - b;
    }
    compare_interval(table->scratch, n, ret_interval);
    if (n == 1 && !all)
        compare_spread(table, pair, part, measure, ret_interval);
}

bool results_compare_significant(const struct results_interval *interval)
{
    return interval->low > 0 || interval->high < 0;
}
