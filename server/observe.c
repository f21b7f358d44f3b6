#include "server/observe.h"

#include "base/version.h"
#include "server/procstat.h"

enum status observe_livez(struct observe *observe, struct buf *out)
{
    (void)observe;
    buf_text(out, "{\"live\":true}\n");
    return STATUS_OK;
}

enum status observe_readyz(struct observe *observe, struct buf *out)
{
    if (atomic_load_explicit(&observe->draining, memory_order_acquire)) {
        buf_text(out, "{\"ready\":false,\"error\":\"draining\"}\n");
        return STATUS_UNAVAILABLE;
    }
    buf_text(out, "{\"ready\":true}\n");
    return STATUS_OK;
}

// Names, versions and digests are of closed alphabets: nothing in them needs escaping.
static void expose_info(const struct observe *observe, struct buf *out)
{
    const struct registry_model *model = registry_model(observe->registry);
    buf_printf(out,
               "# HELP ctrd_build_info What was built.\n"
               "# TYPE ctrd_build_info gauge\n"
               "ctrd_build_info{version=\"%s\",commit=\"%s\",kernels=\"%s\"} 1\n",
               version_string(), version_commit(), model->scorer.kernels->name);
    buf_printf(out,
               "# HELP ctrd_model_info The model that serves.\n"
               "# TYPE ctrd_model_info gauge\n"
               "ctrd_model_info{model=\"%s\",version=\"%s\",sha256_12=\"%s\"} 1\n",
               model->name, model->version, model->sha256);
}

enum status observe_metrics(struct observe *observe, struct buf *out)
{
    struct metric_set *set = observe->metrics->set;
    size_t inflight = atomic_load_explicit(&observe->inflight, memory_order_relaxed);
    metric_gauge(set, SERVER_METRICS_INFLIGHT, 0, (double)inflight);
    metric_gauge(set, SERVER_METRICS_QUEUE_DEPTH, 0, (double)queue_depth(observe->queue));
    metric_gauge(set, SERVER_METRICS_WORKERS, 0, (double)observe->workers);
    metric_expose(set, out);
    expose_info(observe, out);
    procstat_expose(out);
    return STATUS_OK;
}

enum status observe_version(struct observe *observe, struct buf *out)
{
    const struct registry_model *model = registry_model(observe->registry);
    buf_printf(out,
               "{\"name\":\"ctrd\",\"version\":\"%s\",\"commit\":\"%s\",\"kernels\":\"%s\","
               "\"model\":{\"name\":\"%s\",\"version\":\"%s\",\"sha256_12\":\"%s\"}}\n",
               version_string(), version_commit(), model->scorer.kernels->name, model->name,
               model->version, model->sha256);
    return STATUS_OK;
}
