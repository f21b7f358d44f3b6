#include "server/server_metrics.h"

#include "proto/rank.h"
#include "server/lifecycle.h"
#include "server/version_metrics.h"

#include <string.h>

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))

static const char *const method_values[] = {
#define ROUTE(id, method, ...) method,
#include "server/routes.def"
#undef ROUTE
    "other",
};

static const char *const route_values[] = {
#define ROUTE(id, method, path, ...) path,
#include "server/routes.def"
#undef ROUTE
    "other",
};

// The HTTP statuses that ctrd answers with; the last is for any that is missing here.
static const int code_numbers[] = {200, 400, 401, 403, 404, 405, 413, 414,
                                   415, 417, 429, 431, 500, 503, 504, 505};
static const char *const code_values[] = {"200", "400", "401", "403", "404",  "405",
                                          "413", "414", "415", "417", "429",  "431",
                                          "500", "503", "504", "505", "other"};
_Static_assert(COUNT_OF(code_values) == COUNT_OF(code_numbers) + 1, "one text a number");

#define STAGE_VALUE(id, text) text,
static const char *const stage_values[] = {RANK_STAGE_TABLE(STAGE_VALUE)};
static const char *const reason_values[] = {SERVER_METRICS_SHED_TABLE(STAGE_VALUE)};
#undef STAGE_VALUE
static const char *const loss_values[] = {"rate", "full"};
static const char *const golden_values[] = {"ok", "failed"};

struct label {
    const char *name;
    const char *const *values;
    size_t count;
    const char *also; // a label that follows from it
    const char *const *also_values;
};

static const struct label unlabelled = {NULL, NULL, 1, NULL, NULL};
static const struct label by_route = {"route", route_values, COUNT_OF(route_values), "method",
                                      method_values};
static const struct label by_code = {"code", code_values, COUNT_OF(code_values), NULL, NULL};
static const struct label by_stage = {"stage", stage_values, COUNT_OF(stage_values), NULL, NULL};
static const struct label by_reason = {"reason", reason_values, COUNT_OF(reason_values), NULL,
                                       NULL};
static const struct label by_loss = {"reason", loss_values, COUNT_OF(loss_values), NULL, NULL};
static const struct label by_golden = {"result", golden_values, COUNT_OF(golden_values), NULL,
                                       NULL};

struct buckets {
    const double *bounds;
    size_t count;
};

static const double seconds_bounds[] = {25e-6,  50e-6,  100e-6, 150e-6, 200e-6, 300e-6, 400e-6,
                                        500e-6, 750e-6, 1e-3,   1.5e-3, 2e-3,   3e-3,   5e-3,
                                        7.5e-3, 10e-3,  20e-3,  50e-3,  100e-3, 250e-3, 1.0};
static const double powers_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
static const struct buckets no_buckets = {NULL, 0};
static const struct buckets seconds = {seconds_bounds, COUNT_OF(seconds_bounds)};
static const struct buckets powers = {powers_bounds, COUNT_OF(powers_bounds)};

struct row {
    enum server_metric id;
    enum metric_kind kind;
    const char *name;
    const struct label *label, *label2;
    const struct buckets *buckets;
    const char *help;
};

static const struct row rows[] = {
#define METRIC(id, kind, name, label, label2, buckets, help)                                       \
    {id, kind, name, &(label), &(label2), &(buckets), help},
#include "server/server_metrics.def"
#undef METRIC
};

static struct metric_desc describe(const struct row *row)
{
    return (struct metric_desc){
        .name = row->name,
        .kind = row->kind,
        .label = row->label->name,
        .values = row->label->values,
        .value_count = row->label->count,
        .label_also = row->label->also,
        .values_also = row->label->also_values,
        .label2 = row->label2->name,
        .values2 = row->label2->values,
        .value2_count = row->label2->count,
        .buckets = row->buckets->bounds,
        .bucket_count = row->buckets->count,
        .help = row->help,
    };
}

enum status server_metrics_init(struct server_metrics *metrics, unsigned threads)
{
    for (size_t i = 0; i < SERVER_METRICS_COUNT; i++)
        metrics->descs[i] = describe(&rows[i]);
    metrics->set = metric_new(metrics->descs, SERVER_METRICS_COUNT, threads);
    return metrics->set != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void server_metrics_fini(struct server_metrics *metrics)
{
    metric_free(metrics->set);
    metrics->set = NULL;
}

void server_metrics_answered(struct metric_shard *shard, const struct route *route, int http_status)
{
    size_t code = 0;
    while (code < COUNT_OF(code_numbers) && code_numbers[code] != http_status)
        code++;
    size_t path = route != NULL ? (size_t)route->id : (size_t)ROUTE_COUNT;
    metric_add(shard, SERVER_METRICS_REQUESTS, path * COUNT_OF(code_values) + code, 1);
}

void server_metrics_shed(struct metric_shard *shard, enum server_metrics_shed reason)
{
    metric_add(shard, SERVER_METRICS_SHED, (size_t)reason, 1);
}

void server_metrics_markdown(struct buf *out)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    buf_text(out, "| metric | type | labels | what |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < SERVER_METRICS_COUNT; i++) {
        const struct row *row = &rows[i];
        buf_printf(out, "| `%s` | %s | ", row->name, kinds[row->kind]);
        if (row->label->name != NULL)
            buf_printf(out, "`%s`", row->label->name);
        if (row->label->also != NULL)
            buf_printf(out, ", `%s`", row->label->also);
        if (row->label2->name != NULL)
            buf_printf(out, ", `%s`", row->label2->name);
        buf_printf(out, " | %s |\n", row->help);
    }
    version_metrics_markdown(out);
    lifecycle_markdown(out);
}
