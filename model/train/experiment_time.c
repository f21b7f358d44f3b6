#include "model/train/experiment_time.h"

#include "base/file.h"
#include "proto/json_value.h"

#include <math.h>
#include <stdlib.h>

enum { TIME_MAX_BYTES = 4096 };

static double time_read(const struct experiment *experiment, const struct experiment_entry *entry)
{
    char *path = experiment_plan_path(experiment, entry, "seconds.json");
    struct file_bytes bytes = {0};
    struct json_value *root = NULL;
    double seconds = (double)NAN;
    if (path != NULL && file_read(path, TIME_MAX_BYTES, 0, &bytes, NULL) == STATUS_OK &&
        json_value_parse((struct span){(const char *)bytes.data, bytes.size}, &root, NULL) ==
            STATUS_OK) {
        const struct json_value *value = json_value_get(root, "seconds");
        enum json_value_kind kind = value == NULL ? JSON_VALUE_NULL : json_value_kind(value);
        if (kind == JSON_VALUE_INT || kind == JSON_VALUE_REAL)
            seconds = json_value_number(value);
    }
    json_value_free(root);
    file_free(&bytes);
    free(path);
    return seconds;
}

void experiment_time_load(const struct experiment *experiment, const struct experiment_plan *plan,
                          double *seconds)
{
    for (size_t i = 0; i < plan->count; i++)
        seconds[i] =
            plan->entries[i].finished ? time_read(experiment, &plan->entries[i]) : (double)NAN;
}

double experiment_time_estimate(const struct experiment_plan *plan, const double *seconds,
                                size_t index)
{
    double own = 0, all = 0;
    size_t own_count = 0, all_count = 0;
    if (!isnan(seconds[index]))
        return seconds[index];
    for (size_t i = 0; i < plan->count; i++) {
        if (isnan(seconds[i]))
            continue;
        all += seconds[i];
        all_count++;
        if (plan->entries[i].method == plan->entries[index].method) {
            own += seconds[i];
            own_count++;
        }
    }
    if (own_count > 0)
        return own / (double)own_count;
    return all_count > 0 ? all / (double)all_count : (double)NAN;
}
