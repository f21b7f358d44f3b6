// The metrics of one resident model version. Written by the readers of the registry, a shard each;
// read by a scrape.
#pragma once

#include "base/buf.h"
#include "base/metric.h"
#include "base/status.h"
#include "model/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum version_metric {
#define METRIC(id, ...) id,
#include "server/version_metrics.def"
#undef METRIC
    VERSION_METRICS_COUNT
};

enum version_metrics_api { VERSION_METRICS_RANK, VERSION_METRICS_EXPLAIN };

#define VERSION_METRICS_REASON_TABLE(X)                                                            \
    X(VERSION_METRICS_MISSING, "missing")                                                          \
    X(VERSION_METRICS_UNKNOWN, "unknown")                                                          \
    X(VERSION_METRICS_BELOW, "below")                                                              \
    X(VERSION_METRICS_ABOVE, "above")
#define VERSION_METRICS_REASON_ENUM(id, text) id,
enum version_metrics_reason { VERSION_METRICS_REASON_TABLE(VERSION_METRICS_REASON_ENUM) };
#undef VERSION_METRICS_REASON_ENUM

struct version_metrics;

// The checkpoint outlives it. NULL: no memory.
MUST_USE struct version_metrics *version_metrics_new(const struct checkpoint *checkpoint,
                                                     unsigned readers);
void version_metrics_free(struct version_metrics *metrics); // NULL is nothing

void version_metrics_answered(struct version_metrics *metrics, unsigned reader,
                              enum version_metrics_api api, double seconds);
void version_metrics_pctr(struct version_metrics *metrics, unsigned reader, const float *pctr,
                          size_t n);
// `feature`: its place in the schema.
void version_metrics_invalid(struct version_metrics *metrics, unsigned reader, size_t feature,
                             enum version_metrics_reason reason, uint64_t n);

const struct metric_set *version_metrics_set(const struct version_metrics *metrics);
// The population stability index of the scores since the load against those of validation
// (drift.h). False: the model file has no histogram.
bool version_metrics_psi(const struct version_metrics *metrics, double *ret_raw,
                         double *ret_corrected);

void version_metrics_markdown(struct buf *out); // the rows for docs/
