#include "server/version_metrics.h"

#include "model/drift.h"

#include <stdlib.h>

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static const char *const api_values[] = {"rank", "explain"};
#define REASON_VALUE(id, text) text,
static const char *const reason_values[] = {VERSION_METRICS_REASON_TABLE(REASON_VALUE)};
#undef REASON_VALUE

static const double seconds_bounds[] = {25e-6,  50e-6,  100e-6, 150e-6, 200e-6, 300e-6, 400e-6,
                                        500e-6, 750e-6, 1e-3,   1.5e-3, 2e-3,   3e-3,   5e-3,
                                        7.5e-3, 10e-3,  20e-3,  50e-3,  100e-3, 250e-3, 1.0};
static const double probability_bounds[] = {1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3,
                                            5e-3, 0.01, 0.02, 0.05, 0.1,  0.2,  0.5,  1.0};

static const char *const bin_values[] = {"0",  "1",  "2",  "3",  "4",  "5",  "6",
                                         "7",  "8",  "9",  "10", "11", "12", "13",
                                         "14", "15", "16", "17", "18", "19"};
_Static_assert(COUNT_OF(bin_values) == DRIFT_BINS, "a text a bin");

enum labels { unlabelled, by_api, by_bin, by_feature };
enum buckets { no_buckets, seconds, probabilities };

static const struct row {
    enum version_metric id;
    enum metric_kind kind;
    const char *name;
    enum labels labels;
    enum buckets buckets;
    const char *help;
} rows[] = {
#define METRIC(id, kind, name, labels, buckets, help) {id, kind, name, labels, buckets, help},
#include "server/version_metrics.def"
#undef METRIC
};

struct version_metrics {
    const struct checkpoint *checkpoint;
    struct metric_desc descs[VERSION_METRICS_COUNT];
    const char **features; // (schema.count)
    struct metric_set *set;
};

static void set_labels(const struct version_metrics *metrics, enum labels labels,
                       struct metric_desc *desc)
{
    desc->value_count = 1;
    if (labels == by_api) {
        desc->label = "api";
        desc->values = api_values;
        desc->value_count = COUNT_OF(api_values);
    } else if (labels == by_bin) {
        desc->label = "bin";
        desc->values = bin_values;
        desc->value_count = metrics->checkpoint->pctr.bins > 0 ? metrics->checkpoint->pctr.bins : 1;
    } else if (labels == by_feature) {
        desc->label = "feature";
        desc->values = metrics->features;
        desc->value_count = metrics->checkpoint->schema.count;
        desc->label2 = "reason";
        desc->values2 = reason_values;
        desc->value2_count = COUNT_OF(reason_values);
    }
}

static void set_buckets(enum buckets buckets, struct metric_desc *desc)
{
    if (buckets == seconds) {
        desc->buckets = seconds_bounds;
        desc->bucket_count = COUNT_OF(seconds_bounds);
    } else if (buckets == probabilities) {
        desc->buckets = probability_bounds;
        desc->bucket_count = COUNT_OF(probability_bounds);
    }
}

static bool make_tables(struct version_metrics *metrics)
{
    const struct checkpoint *checkpoint = metrics->checkpoint;
    metrics->features = calloc(checkpoint->schema.count, sizeof(*metrics->features));
    if (metrics->features == NULL)
        return false;
    for (size_t i = 0; i < checkpoint->schema.count; i++)
        metrics->features[i] = checkpoint->schema.features[i].name;
    for (size_t i = 0; i < VERSION_METRICS_COUNT; i++) {
        struct metric_desc *desc = &metrics->descs[i];
        *desc =
            (struct metric_desc){.name = rows[i].name, .kind = rows[i].kind, .help = rows[i].help};
        set_labels(metrics, rows[i].labels, desc);
        set_buckets(rows[i].buckets, desc);
    }
    return true;
}

struct version_metrics *version_metrics_new(const struct checkpoint *checkpoint, unsigned readers)
{
    struct version_metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return NULL;
    metrics->checkpoint = checkpoint;
    if (make_tables(metrics))
        metrics->set = metric_new(metrics->descs, VERSION_METRICS_COUNT, readers);
    if (metrics->set != NULL)
        return metrics;
    version_metrics_free(metrics);
    return NULL;
}

void version_metrics_free(struct version_metrics *metrics)
{
    if (metrics == NULL)
        return;
    metric_free(metrics->set);
    free(metrics->features);
    free(metrics);
}

void version_metrics_answered(struct version_metrics *metrics, unsigned reader,
                              enum version_metrics_api api, double spent_seconds)
{
    metric_observe(metric_shard(metrics->set, reader), VERSION_METRICS_DURATION, api,
                   spent_seconds);
}

void version_metrics_pctr(struct version_metrics *metrics, unsigned reader, const float *pctr,
                          size_t n)
{
    struct metric_shard *shard = metric_shard(metrics->set, reader);
    const struct drift_histogram *histogram = &metrics->checkpoint->pctr;
    for (size_t i = 0; i < n; i++) {
        metric_observe(shard, VERSION_METRICS_PCTR, 0, (double)pctr[i]);
        if (histogram->bins > 0)
            metric_add(shard, VERSION_METRICS_SCORE, drift_bin(histogram, pctr[i]), 1);
    }
}

void version_metrics_invalid(struct version_metrics *metrics, unsigned reader, size_t feature,
                             enum version_metrics_reason reason, uint64_t n)
{
    size_t value = feature * COUNT_OF(reason_values) + (size_t)reason;
    metric_add(metric_shard(metrics->set, reader), VERSION_METRICS_INVALID, value, n);
}

const struct metric_set *version_metrics_set(const struct version_metrics *metrics)
{
    return metrics->set;
}

bool version_metrics_psi(const struct version_metrics *metrics, double *ret_raw,
                         double *ret_corrected)
{
    const struct drift_histogram *expected = &metrics->checkpoint->pctr;
    if (expected->bins == 0)
        return false;
    uint64_t actual[DRIFT_BINS];
    for (size_t i = 0; i < expected->bins; i++)
        actual[i] = (uint64_t)metric_sum(metrics->set, VERSION_METRICS_SCORE, i);
    drift_psi(expected->counts, actual, expected->bins, ret_raw, ret_corrected);
    return true;
}

void version_metrics_markdown(struct buf *out)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    static const char *const labels[] = {[unlabelled] = "",
                                         [by_api] = ", `api`",
                                         [by_bin] = ", `bin`",
                                         [by_feature] = ", `feature`, `reason`"};
    for (size_t i = 0; i < VERSION_METRICS_COUNT; i++)
        buf_printf(out, "| `%s` | %s | `model`, `version`%s | %s |\n", rows[i].name,
                   kinds[rows[i].kind], labels[rows[i].labels], rows[i].help);
}
