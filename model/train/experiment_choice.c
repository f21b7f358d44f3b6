#include "model/train/experiment_choice.h"

#include "base/stat.h"
#include "model/train/experiment_record.h"

#include <math.h>
#include <stdlib.h>

static const double choice_near = 1.005; // as for the epoch kept, spec/algorithm.md 12

enum { CHOICE_ALL = 100 }; // percent of the training lists

enum choice_rule { CHOICE_NEAR, CHOICE_WITHIN, CHOICE_LOWEST };

static const char *choice_words(const struct experiment *experiment, enum choice_rule rule)
{
#define CHOICE_RULES(title)                                                                        \
    {                                                                                              \
        "best " title " within 0.5 % of the lowest LogLoss",                                       \
            "best " title " with LogLoss at most Base's mean + half of its interval",              \
            "lowest LogLoss: none is within Base's mean + half of its interval"                    \
    }
    static const char *const words[][3] = {CHOICE_RULES("NDCG@10"), CHOICE_RULES("GAUC"),
                                           CHOICE_RULES("AUC")};
#undef CHOICE_RULES
    return words[experiment->config.train.train_rank_by][rule];
}

// The validation measures of all runs of a method, as they count in a choice: a run that diverged
// has the worst of both.
MUST_USE static enum status choice_load(const struct experiment *experiment,
                                        const struct experiment_plan *plan, size_t entry,
                                        struct experiment_record *ret_record, struct diag *reterr)
{
    struct experiment_record record;
    TRY(experiment_record_load(experiment, &plan->entries[entry], &record, reterr));
    if (record.diverged)
        record.rank = -(double)INFINITY, record.logloss = (double)INFINITY;
    else if (isnan(record.rank))
        record.rank = 0;
    *ret_record = record;
    return STATUS_OK;
}

// The best of the searches of `method` with LogLoss <= bound, or the one of lowest LogLoss.
MUST_USE static enum status choice_search(const struct experiment *experiment,
                                          const struct experiment_plan *plan,
                                          const struct method *method, double bound,
                                          ptrdiff_t *ret_best, ptrdiff_t *ret_lowest,
                                          double *ret_logloss, struct diag *reterr)
{
    double best = -(double)INFINITY, lowest = (double)INFINITY;
    *ret_best = *ret_lowest = EXPERIMENT_NONE;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment_entry *entry = &plan->entries[i];
        struct experiment_record record;
        if (entry->method != method || !entry->search)
            continue;
        TRY(choice_load(experiment, plan, i, &record, reterr));
        if (record.logloss < lowest) {
            lowest = record.logloss;
            *ret_lowest = (ptrdiff_t)i;
        }
        if (record.logloss <= bound && record.rank > best) {
            best = record.rank;
            *ret_best = (ptrdiff_t)i;
        }
    }
    *ret_logloss = lowest;
    return STATUS_OK;
}

MUST_USE static enum status choice_nothing(const struct method *method, struct diag *reterr)
{
    return diag_set(reterr, STATUS_NOT_FINITE, "every setting of %s diverged", method->name);
}

MUST_USE static enum status choice_before(const struct experiment *experiment,
                                          const struct experiment_plan *plan,
                                          const struct method *method,
                                          struct experiment_choice *ret_choice, struct diag *reterr)
{
    ptrdiff_t best, lowest;
    double logloss;
    TRY(choice_search(experiment, plan, method, -(double)INFINITY, &best, &lowest, &logloss,
                      reterr));
    if (lowest == EXPERIMENT_NONE)
        return choice_nothing(method, reterr);
    TRY(choice_search(experiment, plan, method, logloss * choice_near, &best, &lowest, &logloss,
                      reterr));
    *ret_choice = (struct experiment_choice){(size_t)best, (double)NAN, true,
                                             choice_words(experiment, CHOICE_NEAR)};
    return STATUS_OK;
}

// The run of a method and seed on `percent` of the training lists: the chosen search run where
// that is what the search sees.
MUST_USE static enum status choice_run(const struct experiment *experiment,
                                       const struct experiment_plan *plan,
                                       const struct method *method, int64_t seed, int64_t percent,
                                       ptrdiff_t *ret_entry, struct diag *reterr)
{
    const struct experiment_config *config = &experiment->config;
    if (seed == config->seeds.items[0] && percent == config->search_percent) {
        struct experiment_choice choice;
        TRY(experiment_choice_make(experiment, plan, method, &choice, reterr));
        *ret_entry = (ptrdiff_t)choice.entry;
        return STATUS_OK;
    }
    *ret_entry = EXPERIMENT_NONE;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment_entry *entry = &plan->entries[i];
        if (entry->method == method && !entry->search && entry->seed == seed &&
            entry->percent == percent)
            *ret_entry = (ptrdiff_t)i;
    }
    return STATUS_OK;
}

// Base's LogLoss over its seeds: mean, plus half of the interval if there is one.
MUST_USE static enum status choice_bound(const struct experiment *experiment,
                                         const struct experiment_plan *plan, double *ret_bound,
                                         struct diag *reterr)
{
    const struct cfg_ints *seeds = &experiment->config.seeds;
    const struct method *base = method_find("base");
    double *values = calloc(seeds->count, sizeof(*values));
    size_t n = 0;
    enum status code =
        values == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
    for (size_t i = 0; i < seeds->count && code == STATUS_OK; i++) {
        struct experiment_record record = {.diverged = true};
        ptrdiff_t entry;
        code = choice_run(experiment, plan, base, seeds->items[i],
                          experiment->config.search_percent, &entry, reterr);
        if (code == STATUS_OK)
            code = choice_load(experiment, plan, (size_t)entry, &record, reterr);
        if (code == STATUS_OK && !record.diverged)
            values[n++] = record.logloss;
    }
    if (code == STATUS_OK) {
        struct stat_mean mean = stat_mean_of(values, n);
        *ret_bound = isnan(mean.half) ? mean.mean : mean.mean + mean.half;
    }
    free(values);
    return code;
}

enum status experiment_choice_make(const struct experiment *experiment,
                                   const struct experiment_plan *plan, const struct method *method,
                                   struct experiment_choice *ret_choice, struct diag *reterr)
{
    if (method->role == CHECKPOINT_TEACHER || method == method_find("base"))
        return choice_before(experiment, plan, method, ret_choice, reterr);
    double bound, logloss;
    ptrdiff_t best, lowest;
    TRY(choice_bound(experiment, plan, &bound, reterr));
    TRY(choice_search(experiment, plan, method, bound, &best, &lowest, &logloss, reterr));
    if (lowest == EXPERIMENT_NONE)
        return choice_nothing(method, reterr);
    bool within = best != EXPERIMENT_NONE;
    *ret_choice = (struct experiment_choice){
        (size_t)(within ? best : lowest), bound, within,
        choice_words(experiment, within ? CHOICE_WITHIN : CHOICE_LOWEST)};
    return STATUS_OK;
}

enum status experiment_choice_run(const struct experiment *experiment,
                                  const struct experiment_plan *plan, const struct method *method,
                                  int64_t seed, ptrdiff_t *ret_entry, struct diag *reterr)
{
    return choice_run(experiment, plan, method, seed, CHOICE_ALL, ret_entry, reterr);
}

enum status experiment_choice_teacher(const struct experiment *experiment,
                                      const struct experiment_plan *plan,
                                      const struct experiment_entry *entry, ptrdiff_t *ret_entry,
                                      struct diag *reterr)
{
    return choice_run(experiment, plan, method_find(entry->method->teacher), entry->seed,
                      entry->percent, ret_entry, reterr);
}

enum status experiment_choice_check(const struct experiment *experiment,
                                    const struct experiment_plan *plan,
                                    const struct method *teacher,
                                    struct experiment_teacher *ret_check, struct diag *reterr)
{
    const struct cfg_ints *seeds = &experiment->config.seeds;
    const struct method *const methods[] = {teacher, method_find("base")};
    struct experiment_teacher check = {0};
    size_t pairs = 0;
    for (size_t i = 0; i < seeds->count; i++) {
        struct experiment_record records[2];
        for (size_t k = 0; k < 2; k++) {
            ptrdiff_t entry;
            TRY(experiment_choice_run(experiment, plan, methods[k], seeds->items[i], &entry,
                                      reterr));
            TRY(choice_load(experiment, plan, (size_t)entry, &records[k], reterr));
        }
        if (records[0].diverged || records[1].diverged)
            continue;
        check.rank_gain += records[0].rank - records[1].rank;
        check.loss_gain += records[0].logloss - records[1].logloss;
        pairs++;
    }
    if (pairs > 0) {
        check.rank_gain /= (double)pairs;
        check.loss_gain /= (double)pairs;
    }
    check.better = pairs > 0 && check.rank_gain > 0 && check.loss_gain < 0;
    *ret_check = check;
    return STATUS_OK;
}

enum status experiment_choice_stops(const struct experiment *experiment,
                                    const struct experiment_plan *plan, const struct method *method,
                                    bool *ret_stops, struct diag *reterr)
{
    const struct method *teacher = method_find(method->teacher);
    *ret_stops = false;
    // A teacher that sees no more than Base is a control: it need not be better.
    if (experiment->config.teacher_check == EXPERIMENT_TEACHER_WARN || teacher == NULL ||
        teacher->sees != METHOD_SEES_ALL)
        return STATUS_OK;
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->entries[i].finished &&
            (plan->entries[i].method == teacher || plan->entries[i].method == method_find("base")))
            return STATUS_OK;
    struct experiment_teacher check;
    struct diag why = {0};
    enum status code = experiment_choice_check(experiment, plan, teacher, &check, &why);
    if (code == STATUS_NOT_FINITE) // of what diverged the runs tell, each by its record
        return STATUS_OK;
    if (code == STATUS_OK)
        *ret_stops = !check.better;
    else if (reterr != NULL)
        *reterr = why;
    return code;
}
