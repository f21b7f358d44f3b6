// The metrics of ctrd: families from server_metrics.def, and how the server counts into them.
#pragma once

#include "base/buf.h"
#include "base/metric.h"
#include "base/status.h"
#include "server/route.h"

enum server_metric {
#define METRIC(id, ...) id,
#include "server/server_metrics.def"
#undef METRIC
    SERVER_METRICS_COUNT
};

// Why a request was given up.
#define SERVER_METRICS_SHED_TABLE(X)                                                               \
    X(SERVER_METRICS_QUEUE_FULL, "queue_full")                                                     \
    X(SERVER_METRICS_QUEUE_BYTES_FULL, "queue_bytes")                                              \
    X(SERVER_METRICS_DEADLINE_ADMISSION, "deadline_admission")                                     \
    X(SERVER_METRICS_DEADLINE_QUEUE, "deadline_queue")                                             \
    X(SERVER_METRICS_DEADLINE_PARSE, "deadline_parse")                                             \
    X(SERVER_METRICS_DEADLINE_COMPUTE, "deadline_compute")                                         \
    X(SERVER_METRICS_DRAINING, "draining")                                                         \
    X(SERVER_METRICS_BODY_TOO_LARGE, "body_too_large")                                             \
    X(SERVER_METRICS_CLIENT_GONE, "client_gone")
#define SERVER_METRICS_SHED_ENUM(id, text) id,
enum server_metrics_shed { SERVER_METRICS_SHED_TABLE(SERVER_METRICS_SHED_ENUM) };
#undef SERVER_METRICS_SHED_ENUM

struct server_metrics {
    struct metric_desc descs[SERVER_METRICS_COUNT];
    struct metric_set *set;
};

// Why a line of the access log was not written: values of SERVER_METRICS_ACCESS_LOST.
enum server_metrics_loss { SERVER_METRICS_LOST_RATE, SERVER_METRICS_LOST_FULL };

// Values of SERVER_METRICS_GOLDEN.
enum server_metrics_golden { SERVER_METRICS_GOLDEN_OK, SERVER_METRICS_GOLDEN_FAILED };

// A shard for each thread that counts.
MUST_USE enum status server_metrics_init(struct server_metrics *metrics, unsigned threads);
void server_metrics_fini(struct server_metrics *metrics);

// One answered request. `route` NULL: a path that the table does not have.
void server_metrics_answered(struct metric_shard *shard, const struct route *route,
                             int http_status);
void server_metrics_shed(struct metric_shard *shard, enum server_metrics_shed reason);

void server_metrics_markdown(struct buf *out); // the table for docs/
