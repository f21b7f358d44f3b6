#include "server/exposition.h"

#include "base/version.h"
#include "server/lifecycle.h"
#include "server/procstat.h"

#include <stdio.h>

enum {
    EXPOSITION_MOST_PARTS = REGISTRY_MOST_MODELS * REGISTRY_MOST_VERSIONS,
    EXPOSITION_LABELS = STORE_NAME_BYTES + REGISTRY_VERSION_TEXT + 32,
};

// What is not counted but looked up when asked.
static void look_up(struct observe *observe)
{
    struct metric_set *set = observe->metrics->set;
    const struct admit *admit = observe->admit;
    const struct {
        enum server_metric id;
        double value;
    } gauges[] = {
        {SERVER_METRICS_INFLIGHT,
         (double)atomic_load_explicit(&observe->inflight, memory_order_relaxed)},
        {SERVER_METRICS_QUEUE_DEPTH, (double)queue_depth(observe->queue)},
        {SERVER_METRICS_QUEUE_BYTES,
         (double)atomic_load_explicit(&admit->waiting_bytes, memory_order_relaxed)},
        {SERVER_METRICS_HELD_BYTES,
         (double)atomic_load_explicit(&admit->bytes, memory_order_relaxed)},
        {SERVER_METRICS_CONNECTIONS, (double)conns_count(observe->conns)},
        {SERVER_METRICS_WORKERS, (double)observe->workers},
    };
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
        metric_gauge(set, gauges[i].id, 0, gauges[i].value);
    metric_total(set, SERVER_METRICS_CONNECTIONS_CUT, 0, conns_cut(observe->conns));
    if (observe->lines == NULL)
        return;
    metric_total(set, SERVER_METRICS_ACCESS_LOST, SERVER_METRICS_LOST_RATE,
                 logline_limited(observe->lines));
    metric_total(set, SERVER_METRICS_ACCESS_LOST, SERVER_METRICS_LOST_FULL,
                 logline_dropped(observe->lines));
}

static void expose_build(const struct observe *observe, bool openmetrics, struct buf *out)
{
    metric_family("ctrd_build_info", METRIC_GAUGE, "what was built", openmetrics, out);
    buf_printf(out, "ctrd_build_info{version=\"%s\",commit=\"%s\",kernels=\"%s\"} 1\n",
               version_string(), version_commit(), observe->kernels);
}

// Names and versions are of closed alphabets: nothing in them needs escaping.
static void expose_versions(const struct registry_view *view, bool openmetrics, struct buf *out)
{
    static _Thread_local struct metric_part parts[EXPOSITION_MOST_PARTS];
    static _Thread_local char labels[EXPOSITION_MOST_PARTS][EXPOSITION_LABELS];
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct registry_model *model = &view->models[i];
        for (size_t k = 0; k < model->count; k++, count++) {
            snprintf(labels[count], sizeof(labels[count]), "model=\"%s\",version=\"%s\"",
                     model->name, model->versions[k]->text);
            parts[count] = (struct metric_part){version_metrics_set(model->versions[k]->metrics),
                                                labels[count]};
        }
    }
    metric_expose(parts, count, openmetrics, out);
}

void exposition_write(struct observe *observe, unsigned reader, bool openmetrics, struct buf *out)
{
    look_up(observe);
    const struct metric_part process = {observe->metrics->set, ""};
    metric_expose(&process, 1, openmetrics, out);
    const struct registry_view *view = registry_pin(observe->registry, reader);
    expose_versions(view, openmetrics, out);
    registry_unpin(observe->registry, reader);
    struct lifecycle *lifecycle = atomic_load_explicit(&observe->lifecycle, memory_order_acquire);
    if (lifecycle != NULL)
        lifecycle_expose(lifecycle, openmetrics, out);
    expose_build(observe, openmetrics, out);
    procstat_expose(openmetrics, out);
    metric_end(openmetrics, out);
}
