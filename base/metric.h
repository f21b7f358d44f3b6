// Counters, gauges and histograms without locks on the hot path, and their Prometheus text 0.0.4.
//
// Declared once in a table (a .def file of the program). Each writing thread owns a shard: plain
// relaxed stores by one writer, cache-line aligned; a scrape adds the shards up. A family has at
// most two labels; their values are closed lists given in the table, so cardinality is bounded.
// With two labels, `value` below is i * value2_count + j; pairs that were never counted are left
// out of the text of a counter.
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_desc {
    const char *name; // "ctrd_http_requests_total"
    enum metric_kind kind;
    const char *label;         // NULL: none
    const char *const *values; // of the label
    size_t value_count;        // 1 without label
    const char *label2;        // NULL: no second label
    const char *const *values2;
    size_t value2_count;   // 0 or 1 without second label
    const double *buckets; // upper bounds, ascending, without +Inf; of histograms
    size_t bucket_count;
    const char *help;
    const char *label_also; // NULL, or a label whose value follows from that of the first
    const char *const *values_also;
};

struct metric_set; // all families of a program and their shards

MUST_USE struct metric_set *metric_new(const struct metric_desc *descs, size_t count,
                                       unsigned shards); // NULL: no memory
void metric_free(struct metric_set *set);

struct metric_shard;                                                       // one writer thread
struct metric_shard *metric_shard(struct metric_set *set, unsigned index); // index < shards
void metric_add(struct metric_shard *shard, size_t family, size_t value, uint64_t n);
void metric_observe(struct metric_shard *shard, size_t family, size_t value, double x);
void metric_gauge(struct metric_set *set, size_t family, size_t value,
                  double x); // any thread, atomic
// A total that is counted elsewhere, for a counter that no shard adds to; any thread, atomic.
void metric_total(struct metric_set *set, size_t family, size_t value, uint64_t n);
double metric_sum(const struct metric_set *set, size_t family,
                  size_t value); // counter or gauge total

// A set with what is common to its samples: "model=\"ctr\",version=\"42\"", escaped; "" for
// nothing.
struct metric_part {
    const struct metric_set *set;
    const char *labels;
};

// Families with HELP, TYPE and samples in table order, each family once for all parts, whose sets
// are of the same table but for the values of labels. Values and bounds print shortest.
// `openmetrics`: OpenMetrics 1.0.0, whose text metric_end ends.
void metric_expose(const struct metric_part *parts, size_t count, bool openmetrics,
                   struct buf *out);
// HELP and TYPE of a family that is not in a table; its samples follow.
void metric_family(const char *name, enum metric_kind kind, const char *help, bool openmetrics,
                   struct buf *out);
void metric_end(bool openmetrics, struct buf *out);
