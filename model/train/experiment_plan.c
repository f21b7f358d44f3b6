#include "model/train/experiment_plan.h"

#include "base/file.h"
#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_MAX = 100000, PLAN_ALL = 100 }; // entries; percent of the training lists
// See experiment_plan_waits.
enum { LEVEL_ALONE, LEVEL_BEFORE, LEVEL_SEARCH, LEVEL_CHOSEN };

static bool plan_is_taught(const struct method *method)
{
    return method->teacher[0] != '\0';
}

// Whether others are judged by it or learn from it.
static bool plan_is_before(const struct method *method)
{
    return method->role == CHECKPOINT_TEACHER || method == method_find("base");
}

// The methods asked for, base, and the teachers; in the order of the table.
MUST_USE static enum status plan_methods(const struct experiment *experiment,
                                         struct experiment_plan *plan)
{
    bool *wanted = calloc(method_count(), sizeof(*wanted));
    plan->methods = calloc(method_count(), sizeof(const struct method *));
    if (wanted == NULL || plan->methods == NULL) {
        free(wanted);
        return STATUS_NO_MEMORY;
    }
    const struct cfg_ints *asked = &experiment->config.methods;
    wanted[method_index(method_find("base"))] = true;
    for (size_t i = 0; i < asked->count; i++) {
        const struct method *method = method_at((size_t)asked->items[i]);
        wanted[method_index(method)] = true;
        if (plan_is_taught(method))
            wanted[method_index(method_find(method->teacher))] = true;
    }
    for (size_t i = 0; i < method_count(); i++)
        if (wanted[i])
            plan->methods[plan->method_count++] = method_at(i);
    free(wanted);
    return STATUS_OK;
}

static void plan_name(struct experiment_entry *entry)
{
    const struct experiment_setting *setting = &entry->setting;
    char ratio[NUM_DOUBLE_TEXT + 2] = "", tau[NUM_DOUBLE_TEXT + 2] = "";
    char number[NUM_DOUBLE_TEXT], share[24] = "";
    if (entry->percent < PLAN_ALL)
        snprintf(share, sizeof(share), "-p%lld", (long long)entry->percent);
    if (!entry->search) {
        snprintf(entry->id, sizeof(entry->id), "%s-chosen%s-s%lld", entry->method->name, share,
                 (long long)entry->seed);
        return;
    }
    if (!isnan(setting->ratio))
        snprintf(ratio, sizeof(ratio), "-r%s", num_double_text(setting->ratio, number));
    if (!isnan(setting->tau))
        snprintf(tau, sizeof(tau), "-t%s", num_double_text(setting->tau, number));
    snprintf(entry->id, sizeof(entry->id), "%s%s%s-lr%s%s-s%lld", entry->method->name, ratio, tau,
             num_double_text(setting->lr, number), share, (long long)entry->seed);
}

static void plan_add(struct experiment_plan *plan, const struct experiment_entry *entry)
{
    struct experiment_entry *added = &plan->entries[plan->count++];
    *added = *entry;
    plan_name(added);
}

// Every setting of a method with the first seed.
static void plan_add_searches(const struct experiment_config *config, struct experiment_plan *plan,
                              const struct method *method)
{
    static double none[] = {(double)NAN};
    const struct cfg_doubles unused = {none, 1};
    const struct cfg_doubles ratios = method_has_ratio(method) ? config->ratios : unused;
    const struct cfg_doubles taus = method->tau ? config->taus : unused;
    struct experiment_entry entry = {.method = method,
                                     .search = true,
                                     .percent = config->search_percent,
                                     .level = plan_is_taught(method) ? LEVEL_SEARCH : LEVEL_ALONE,
                                     .seed = config->seeds.items[0]};
    for (size_t l = 0; l < config->lrs.count; l++)
        for (size_t t = 0; t < taus.count; t++)
            for (size_t r = 0; r < ratios.count; r++) {
                entry.setting = (struct experiment_setting){ratios.items[r], taus.items[t],
                                                            config->lrs.items[l]};
                plan_add(plan, &entry);
            }
}

static void plan_add_chosen(const struct experiment_config *config, struct experiment_plan *plan,
                            const struct method *method)
{
    const double none = (double)NAN;
    struct experiment_entry entry = {.method = method,
                                     .percent = PLAN_ALL,
                                     .level = plan_is_before(method) ? LEVEL_BEFORE : LEVEL_CHOSEN,
                                     .setting = {none, none, none}};
    const bool share = config->search_percent < PLAN_ALL;
    for (size_t i = share ? 0 : 1; i < config->seeds.count; i++) {
        entry.seed = config->seeds.items[i];
        plan_add(plan, &entry);
    }
    entry.percent = config->search_percent;
    for (size_t i = 1; share && method == method_find("base") && i < config->seeds.count; i++) {
        entry.seed = config->seeds.items[i];
        plan_add(plan, &entry);
    }
}

// Entries by level, else in the order in which they were added.
MUST_USE static enum status plan_sort(struct experiment_plan *plan)
{
    struct experiment_entry *sorted = calloc(plan->count, sizeof(*sorted));
    if (sorted == NULL)
        return STATUS_NO_MEMORY;
    size_t next = 0;
    for (int level = LEVEL_ALONE; level <= LEVEL_CHOSEN; level++)
        for (size_t i = 0; i < plan->count; i++)
            if (plan->entries[i].level == level)
                sorted[next++] = plan->entries[i];
    free(plan->entries);
    plan->entries = sorted;
    return STATUS_OK;
}

enum status experiment_plan_make(const struct experiment *experiment,
                                 struct experiment_plan *ret_plan, struct diag *reterr)
{
    const struct experiment_config *config = &experiment->config;
    struct experiment_plan plan = {0};
    size_t each = 0, most = 0;
    enum status code = plan_methods(experiment, &plan);
    bool fits = num_mul(config->ratios.count, config->taus.count, &each) &&
                num_mul(each, config->lrs.count, &each) &&
                num_add(each, config->seeds.count, &each) &&
                num_add(each, config->seeds.count, &each) && // on a share of the lists
                num_mul(each, plan.method_count, &most) && most <= PLAN_MAX;
    if (code == STATUS_OK && !fits)
        code = diag_at_path(reterr, STATUS_CONFIG, "experiment", "has more than %d runs", PLAN_MAX);
    if (code == STATUS_OK && (plan.entries = calloc(most, sizeof(*plan.entries))) == NULL)
        code = STATUS_NO_MEMORY;
    for (size_t i = 0; code == STATUS_OK && i < plan.method_count; i++) {
        plan_add_searches(config, &plan, plan.methods[i]);
        plan_add_chosen(config, &plan, plan.methods[i]);
    }
    if (code == STATUS_OK)
        code = plan_sort(&plan);
    if (code != STATUS_OK) {
        experiment_plan_free(&plan);
        return code == STATUS_CONFIG ? code : diag_set(reterr, code, "out of memory for the plan");
    }
    experiment_plan_look(experiment, &plan);
    *ret_plan = plan;
    return STATUS_OK;
}

void experiment_plan_free(struct experiment_plan *plan)
{
    free(plan->entries);
    free(plan->methods);
    *plan = (struct experiment_plan){0};
}

void experiment_plan_share(const struct experiment_entry *entry, struct train_config *config)
{
    if (entry->percent < PLAN_ALL)
        config->data_train_percent = entry->percent;
}

char *experiment_plan_path(const struct experiment *experiment,
                           const struct experiment_entry *entry, const char *name)
{
    char *path = NULL;
    int length = asprintf(&path, "%s/runs/%s%s%s", experiment->folder, entry->id,
                          name == NULL ? "" : "/", name == NULL ? "" : name);
    return length < 0 ? NULL : path;
}

size_t experiment_plan_look(const struct experiment *experiment, struct experiment_plan *plan)
{
    size_t finished = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct experiment_entry *entry = &plan->entries[i];
        char *path = experiment_plan_path(experiment, entry, "run.json");
        entry->finished = path != NULL && file_exists(path);
        finished += entry->finished;
        free(path);
    }
    return finished;
}

bool experiment_plan_waits(const struct experiment_plan *plan, size_t a, size_t b)
{
    const struct experiment_entry *x = &plan->entries[a], *y = &plan->entries[b];
    const struct method *base = method_find("base");
    if (x->level <= y->level)
        return false;
    // The choice looks at the searches of the method itself, and at Base's spread over seeds.
    if (!x->search && y->method == x->method && y->search)
        return true;
    if (!x->search && !plan_is_before(x->method) && y->method == base)
        return true;
    // A teacher that is not better than Base stops what it would teach: both, all seeds.
    return plan_is_taught(x->method) &&
           (y->method == base || y->method == method_find(x->method->teacher));
}

ptrdiff_t experiment_plan_blocker(const struct experiment_plan *plan, size_t index)
{
    for (size_t i = 0; i < plan->count; i++)
        if (!plan->entries[i].finished && experiment_plan_waits(plan, index, i))
            return (ptrdiff_t)i;
    return EXPERIMENT_NONE;
}
