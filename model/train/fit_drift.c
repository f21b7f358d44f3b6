#include "model/train/fit_drift.h"

#include "model/train/listrows.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { FIT_DRIFT_RELEASE = 4096 }; // lists after which their pages are given back

// Two zeros with different signs are one value: adding 0 makes both positive.
static void fit_drift_widen(const float *x, size_t size, float *range)
{
    float *low = range, *high = range + size;
    for (size_t i = 0; i < size; i++) {
        const float value = x[i] + 0.0F;
        low[i] = value < low[i] ? value : low[i]; // a NaN is neither
        high[i] = value > high[i] ? value : high[i];
    }
}

MUST_USE static enum status fit_drift_make(const struct schema *schema, struct fit_drift *ranges)
{
    size_t values = 0;
    for (size_t f = 0; f < schema->count; f++)
        values += drift_has_range(&schema->features[f]) ? 2 * (size_t)schema->features[f].size : 0;
    ranges->of = calloc(schema->count + 1, sizeof(*ranges->of));
    ranges->values = calloc(values + 1, sizeof(*ranges->values));
    if (ranges->of == NULL || ranges->values == NULL)
        return STATUS_NO_MEMORY;
    float *next = ranges->values;
    for (size_t f = 0; f < schema->count; f++) {
        const size_t size = schema->features[f].size;
        if (!drift_has_range(&schema->features[f]))
            continue;
        ranges->of[f] = next;
        for (size_t i = 0; i < 2 * size; i++)
            next[i] = i < size ? INFINITY : -INFINITY;
        next += 2 * size;
    }
    return STATUS_OK;
}

// The range of `feature`, writable.
static float *fit_drift_of(const struct fit_drift *ranges, size_t feature)
{
    return ranges->values + (ranges->of[feature] - ranges->values);
}

static void fit_drift_list(const struct schema *schema, const union row_cell *shared,
                           const union row_cell *rows, size_t docs, const struct fit_drift *ranges)
{
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        if (ranges->of[f] == NULL)
            continue;
        const bool once = schema_in_shared_cells(feature);
        const union row_cell *cells = (once ? shared : rows) + feature->offset;
        for (size_t i = 0; i < (once ? 1 : docs); i++)
            fit_drift_widen(&cells[i * schema->row_cells].number, feature->size,
                            fit_drift_of(ranges, f));
    }
}

MUST_USE static enum status fit_drift_pass(struct listrows *from, const uint32_t *lists,
                                           size_t count, const struct fit_drift *ranges,
                                           struct diag *reterr)
{
    const struct schema *schema = from->schema;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t docs = listrows_docs(from, lists[i]);
        longest = docs > longest ? docs : longest;
    }
    union row_cell *rows = calloc(longest * schema->row_cells + 1, sizeof(*rows));
    union row_cell *shared = calloc(schema->shared_cells + 1, sizeof(*shared));
    enum status code = rows == NULL || shared == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory for ranges")
                           : STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < count; i++) {
        listrows_fill(from, lists[i], shared, rows);
        fit_drift_list(schema, shared, rows, listrows_docs(from, lists[i]), ranges);
        if (i % FIT_DRIFT_RELEASE == FIT_DRIFT_RELEASE - 1)
            dataset_release(from->dataset, lists[i + 1 - FIT_DRIFT_RELEASE], lists[i] + 1);
    }
    free(rows);
    free(shared);
    return code;
}

static void fit_drift_close(const struct schema *schema, const struct fit_drift *ranges)
{
    for (size_t f = 0; f < schema->count; f++) {
        const size_t size = schema->features[f].size;
        if (ranges->of[f] == NULL)
            continue;
        float *range = fit_drift_of(ranges, f);
        for (size_t i = 0; i < size; i++)
            if (range[i] > range[size + i]) { // no value was there
                range[i] = row_value(-HUGE_VAL);
                range[size + i] = row_value(HUGE_VAL);
            }
    }
}

enum status fit_drift_ranges(const struct dataset *dataset, const uint32_t *lists, size_t count,
                             const struct schema *schema, struct fit_drift *ret_ranges,
                             struct diag *reterr)
{
    struct fit_drift ranges = {0};
    struct listrows from;
    enum status code = listrows_init(&from, dataset, schema, kernels_at(0), reterr);
    if (code != STATUS_OK)
        return code;
    code = fit_drift_make(schema, &ranges);
    if (code != STATUS_OK)
        diag_set(reterr, code, "out of memory for ranges");
    else
        code = fit_drift_pass(&from, lists, count, &ranges, reterr);
    listrows_fini(&from);
    if (code != STATUS_OK) {
        fit_drift_fini(&ranges);
        return code;
    }
    fit_drift_close(schema, &ranges);
    *ret_ranges = ranges;
    return STATUS_OK;
}

void fit_drift_fini(struct fit_drift *ranges)
{
    free(ranges->of);
    free(ranges->values);
    *ranges = (struct fit_drift){0};
}

// ---- histogram

static int fit_drift_compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static struct drift_histogram fit_drift_bins(const float *sorted, size_t n)
{
    struct drift_histogram histogram = {.bins = 1};
    for (size_t k = 1; k < DRIFT_BINS; k++) {
        const float edge = sorted[(size_t)((uint64_t)k * n / DRIFT_BINS)];
        if (edge > (histogram.bins == 1 ? sorted[0] : histogram.edges[histogram.bins - 2]))
            histogram.edges[histogram.bins++ - 1] = edge;
    }
    for (size_t i = 0; i < n; i++)
        histogram.counts[drift_bin(&histogram, sorted[i])]++;
    return histogram;
}

enum status fit_drift_histogram(const float *logit, size_t n, const struct calibrate *calibrate,
                                struct drift_histogram *ret_histogram, struct diag *reterr)
{
    assert(n > 0);
    float *pctr = calloc(n, sizeof(*pctr));
    if (pctr == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a histogram of %zu scores", n);
    enum status code = calibrate_apply(calibrate, logit, n, pctr);
    if (code == STATUS_OK) {
        qsort(pctr, n, sizeof(*pctr), fit_drift_compare);
        *ret_histogram = fit_drift_bins(pctr, n);
    } else {
        diag_set(reterr, code, "a score is not finite: there is no histogram");
    }
    free(pctr);
    return code;
}
