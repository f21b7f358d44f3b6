#include "base/metric.h"

#include "base/num.h"

#include <assert.h>
#include <math.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { METRIC_LINE = 64 }; // bytes of a cache line

// Cells of a family in a shard: a counter has one a value; a histogram has, for each value, one a
// bucket, one for what is over the last bound, and the bits of the sum of what was observed.
struct metric_shard {
    const struct metric_set *set;
    alignas(METRIC_LINE) _Atomic uint64_t cells[];
};

struct metric_set {
    const struct metric_desc *descs;
    size_t count;
    size_t *first; // cell of each family, in the shards or (gauges) in `gauges`
    unsigned shard_count;
    struct metric_shard **shards;
    _Atomic uint64_t *gauges; // bits of doubles
};

static size_t metric_values(const struct metric_desc *desc)
{
    return desc->value_count * (desc->value2_count == 0 ? 1 : desc->value2_count);
}

static size_t metric_stride(const struct metric_desc *desc)
{
    return desc->kind == METRIC_HISTOGRAM ? desc->bucket_count + 2 : 1;
}

static uint64_t metric_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double metric_double(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static void metric_check(const struct metric_desc *desc)
{
    assert(desc->name != NULL && desc->help != NULL && desc->value_count > 0);
    assert(desc->label != NULL || desc->value_count == 1);
    assert(desc->label2 == NULL ? desc->value2_count <= 1 : desc->value2_count > 0);
    assert(desc->label2 == NULL || desc->label != NULL);
    assert(desc->kind == METRIC_HISTOGRAM || desc->bucket_count == 0);
    for (size_t i = 0; i < desc->bucket_count; i++)
        assert(isfinite(desc->buckets[i]) && (i == 0 || desc->buckets[i] > desc->buckets[i - 1]));
}

MUST_USE static bool metric_make_shards(struct metric_set *set, size_t cells)
{
    size_t bytes;
    if (!num_mul(cells, sizeof(uint64_t), &bytes) ||
        !num_add(bytes, sizeof(struct metric_shard) + METRIC_LINE, &bytes))
        return false;
    // Whole lines, so that the last cells of one thread share none with the first of another.
    bytes = num_round_up(sizeof(struct metric_shard) + cells * sizeof(uint64_t), METRIC_LINE);
    set->shards = calloc(set->shard_count, sizeof(struct metric_shard *));
    if (set->shards == NULL)
        return false;
    for (unsigned i = 0; i < set->shard_count; i++) {
        struct metric_shard *shard = aligned_alloc(METRIC_LINE, bytes);
        if (shard == NULL)
            return false;
        memset(shard, 0, bytes);
        shard->set = set;
        set->shards[i] = shard;
    }
    return true;
}

struct metric_set *metric_new(const struct metric_desc *descs, size_t count, unsigned shards)
{
    assert(shards > 0);
    struct metric_set *set = calloc(1, sizeof(*set));
    if (set == NULL)
        return NULL;
    *set = (struct metric_set){.descs = descs, .count = count, .shard_count = shards};
    set->first = calloc(count + 1, sizeof(*set->first));
    if (set->first == NULL) {
        metric_free(set);
        return NULL;
    }
    size_t cells = 0, gauges = 0;
    for (size_t i = 0; i < count; i++) {
        metric_check(&descs[i]);
        size_t *next = descs[i].kind == METRIC_GAUGE ? &gauges : &cells;
        set->first[i] = *next;
        *next += metric_values(&descs[i]) * metric_stride(&descs[i]);
    }
    set->gauges = calloc(gauges + 1, sizeof(*set->gauges));
    if (set->gauges == NULL || !metric_make_shards(set, cells)) {
        metric_free(set);
        return NULL;
    }
    return set;
}

void metric_free(struct metric_set *set)
{
    if (set == NULL)
        return;
    for (unsigned i = 0; set->shards != NULL && i < set->shard_count; i++)
        free(set->shards[i]);
    free(set->shards);
    free(set->gauges);
    free(set->first);
    free(set);
}

struct metric_shard *metric_shard(struct metric_set *set, unsigned index)
{
    assert(index < set->shard_count);
    return set->shards[index];
}

static size_t metric_cell(const struct metric_set *set, size_t family, size_t value)
{
    assert(family < set->count && value < metric_values(&set->descs[family]));
    return set->first[family] + value * metric_stride(&set->descs[family]);
}

// One writer a shard: a load and a store do, and cost no locked instruction.
static void metric_bump(_Atomic uint64_t *cell, uint64_t n)
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);
    atomic_store_explicit(cell, old + n, memory_order_relaxed);
}

void metric_add(struct metric_shard *shard, size_t family, size_t value, uint64_t n)
{
    size_t cell = metric_cell(shard->set, family, value);
    assert(shard->set->descs[family].kind == METRIC_COUNTER);
    metric_bump(&shard->cells[cell], n);
}

void metric_observe(struct metric_shard *shard, size_t family, size_t value, double x)
{
    size_t cell = metric_cell(shard->set, family, value);
    const struct metric_desc *desc = &shard->set->descs[family];
    assert(desc->kind == METRIC_HISTOGRAM && !isnan(x));
    size_t bucket = 0;
    while (bucket < desc->bucket_count && x > desc->buckets[bucket])
        bucket++;
    metric_bump(&shard->cells[cell + bucket], 1);
    _Atomic uint64_t *sum = &shard->cells[cell + desc->bucket_count + 1];
    double old = metric_double(atomic_load_explicit(sum, memory_order_relaxed));
    atomic_store_explicit(sum, metric_bits(old + x), memory_order_relaxed);
}

void metric_gauge(struct metric_set *set, size_t family, size_t value, double x)
{
    size_t cell = metric_cell(set, family, value);
    assert(set->descs[family].kind == METRIC_GAUGE);
    atomic_store_explicit(&set->gauges[cell], metric_bits(x), memory_order_relaxed);
}

void metric_total(struct metric_set *set, size_t family, size_t value, uint64_t n)
{
    size_t cell = metric_cell(set, family, value);
    assert(set->descs[family].kind == METRIC_COUNTER);
    atomic_store_explicit(&set->shards[0]->cells[cell], n, memory_order_relaxed);
}

static uint64_t metric_over_shards(const struct metric_set *set, size_t cell)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < set->shard_count; i++)
        total += atomic_load_explicit(&set->shards[i]->cells[cell], memory_order_relaxed);
    return total;
}

double metric_sum(const struct metric_set *set, size_t family, size_t value)
{
    size_t cell = metric_cell(set, family, value);
    assert(set->descs[family].kind != METRIC_HISTOGRAM);
    if (set->descs[family].kind == METRIC_GAUGE)
        return metric_double(atomic_load_explicit(&set->gauges[cell], memory_order_relaxed));
    return (double)metric_over_shards(set, cell);
}

// In HELP a backslash and a line end are escaped, in a label value the quote too.
static void metric_escape(struct buf *out, const char *text, bool quote)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_text(out, "\\n");
            continue;
        }
        if (*text == '\\' || (quote && *text == '"'))
            buf_char(out, '\\');
        buf_char(out, *text);
    }
}

static void metric_number(struct buf *out, double x)
{
    char text[NUM_DOUBLE_TEXT];
    if (isnan(x))
        buf_text(out, "NaN");
    else if (isinf(x))
        buf_text(out, x > 0 ? "+Inf" : "-Inf");
    else
        buf_text(out, num_double_text(x, text));
}

// OpenMetrics wants bounds that look like floats: 1.0.
static void metric_bound(struct buf *out, double x, bool openmetrics)
{
    size_t before = out->size;
    metric_number(out, x);
    if (openmetrics && isfinite(x) && strpbrk(out->data + before, ".e") == NULL)
        buf_text(out, ".0");
}

static void metric_label(struct buf *out, const char **separator, const char *name,
                         const char *value)
{
    buf_printf(out, "%s%s=\"", *separator, name);
    metric_escape(out, value, true);
    buf_char(out, '"');
    *separator = ",";
}

struct metric_writer {
    const struct metric_part *part;
    bool openmetrics;
    struct buf *out;
};

// name, suffix and labels of a sample, up to the blank before its value. `bound`: of a bucket.
static void metric_sample(const struct metric_writer *writer, const struct metric_desc *desc,
                          size_t value, const char *suffix, const double *bound)
{
    struct buf *out = writer->out;
    buf_text(out, desc->name);
    buf_text(out, suffix);
    const char *separator = "{";
    size_t columns = desc->value2_count == 0 ? 1 : desc->value2_count;
    if (writer->part->labels[0] != '\0') {
        buf_printf(out, "{%s", writer->part->labels);
        separator = ",";
    }
    if (desc->label != NULL)
        metric_label(out, &separator, desc->label, desc->values[value / columns]);
    if (desc->label_also != NULL)
        metric_label(out, &separator, desc->label_also, desc->values_also[value / columns]);
    if (desc->label2 != NULL)
        metric_label(out, &separator, desc->label2, desc->values2[value % columns]);
    if (bound != NULL) {
        buf_printf(out, "%sle=\"", separator);
        metric_bound(out, *bound, writer->openmetrics);
        buf_char(out, '"');
        separator = ",";
    }
    buf_text(out, *separator == '{' ? " " : "} ");
}

static void metric_expose_histogram(const struct metric_writer *writer, size_t family, size_t value)
{
    const struct metric_set *set = writer->part->set;
    const struct metric_desc *desc = &set->descs[family];
    size_t cell = metric_cell(set, family, value);
    uint64_t count = 0;
    for (size_t i = 0; i <= desc->bucket_count; i++) {
        double bound = i < desc->bucket_count ? desc->buckets[i] : (double)INFINITY;
        count += metric_over_shards(set, cell + i);
        metric_sample(writer, desc, value, "_bucket", &bound);
        buf_printf(writer->out, "%llu\n", (unsigned long long)count);
    }
    double sum = 0;
    for (unsigned i = 0; i < set->shard_count; i++)
        sum += metric_double(atomic_load_explicit(
            &set->shards[i]->cells[cell + desc->bucket_count + 1], memory_order_relaxed));
    metric_sample(writer, desc, value, "_sum", NULL);
    metric_number(writer->out, sum);
    // The count is that of the buckets just read, so that it always equals the +Inf bucket.
    buf_char(writer->out, '\n');
    metric_sample(writer, desc, value, "_count", NULL);
    buf_printf(writer->out, "%llu\n", (unsigned long long)count);
}

static void metric_expose_value(const struct metric_writer *writer, size_t family, size_t value)
{
    const struct metric_set *set = writer->part->set;
    const struct metric_desc *desc = &set->descs[family];
    if (desc->kind == METRIC_HISTOGRAM) {
        metric_expose_histogram(writer, family, value);
        return;
    }
    if (desc->kind == METRIC_GAUGE) {
        metric_sample(writer, desc, value, "", NULL);
        metric_number(writer->out, metric_sum(set, family, value));
        buf_char(writer->out, '\n');
        return;
    }
    uint64_t total = metric_over_shards(set, metric_cell(set, family, value));
    if (total == 0 && desc->label2 != NULL)
        return;
    metric_sample(writer, desc, value, "", NULL);
    buf_printf(writer->out, "%llu\n", (unsigned long long)total);
}

void metric_family(const char *name, enum metric_kind kind, const char *help, bool openmetrics,
                   struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    // OpenMetrics calls a family of counters by its name without _total.
    size_t length = strlen(name), total = strlen("_total");
    if (openmetrics && kind == METRIC_COUNTER) {
        assert(length > total && strcmp(name + length - total, "_total") == 0);
        length -= total;
    }
    buf_printf(out, "# HELP %.*s ", (int)length, name);
    metric_escape(out, help, false);
    buf_printf(out, "\n# TYPE %.*s %s\n", (int)length, name, kinds[kind]);
}

void metric_expose(const struct metric_part *parts, size_t count, bool openmetrics, struct buf *out)
{
    for (size_t family = 0; count > 0 && family < parts[0].set->count; family++) {
        const struct metric_desc *first = &parts[0].set->descs[family];
        metric_family(first->name, first->kind, first->help, openmetrics, out);
        for (size_t i = 0; i < count; i++) {
            const struct metric_writer writer = {&parts[i], openmetrics, out};
            const struct metric_desc *desc = &parts[i].set->descs[family];
            assert(strcmp(desc->name, first->name) == 0);
            for (size_t value = 0; value < metric_values(desc); value++)
                metric_expose_value(&writer, family, value);
        }
    }
}

void metric_end(bool openmetrics, struct buf *out)
{
    if (openmetrics)
        buf_text(out, "# EOF\n");
}
