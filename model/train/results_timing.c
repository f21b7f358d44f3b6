#include "model/train/results_timing.h"

#include <math.h>

static const double timing_hour = 3600;

struct timing_sum {
    int64_t runs;
    double seconds;
};

// Of a method, or of all for NULL.
static struct timing_sum timing_of(const struct experiment_plan *plan, const double *seconds,
                                   const struct method *method)
{
    struct timing_sum sum = {0};
    for (size_t i = 0; i < plan->count; i++)
        if (!isnan(seconds[i]) && (method == NULL || plan->entries[i].method == method)) {
            sum.runs++;
            sum.seconds += seconds[i];
        }
    return sum;
}

struct json_value *results_timing_json(const struct experiment_plan *plan, const double *seconds)
{
    const struct timing_sum all = timing_of(plan, seconds, NULL);
    struct json_value *root = json_value_new_map(), *methods = json_value_new_list();
    struct json_value *runs = json_value_new_map();
    json_value_set_text(root, "format", "ctr-timing-1");
    json_value_set_number(root, "hours", all.seconds / timing_hour);
    json_value_set_int(root, "runs", all.runs);
    for (size_t m = 0; m < plan->method_count; m++) {
        const struct timing_sum sum = timing_of(plan, seconds, plan->methods[m]);
        struct json_value *item = json_value_new_map();
        json_value_set_text(item, "method", plan->methods[m]->name);
        json_value_set_text(item, "title", plan->methods[m]->title);
        json_value_set_int(item, "runs", sum.runs);
        json_value_set_number(item, "hours", sum.seconds / timing_hour);
        json_value_set_number(item, "mean_seconds", sum.seconds / (double)sum.runs);
        json_value_push(methods, item);
    }
    json_value_set(root, "methods", methods);
    for (size_t i = 0; i < plan->count; i++)
        json_value_set_number(runs, plan->entries[i].id, seconds[i]);
    json_value_set(root, "seconds", runs);
    return root;
}
