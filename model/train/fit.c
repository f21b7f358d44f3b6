#include "model/train/fit.h"

#include "base/hash64.h"
#include "base/log.h"

#include <math.h>
#include <stdlib.h>

// Where a feature's values stand in the data, and which lists are looked at.
struct fit {
    const struct dataset *dataset;
    const uint32_t *lists;
    size_t count;
    bool shared;
    uint32_t offset; // of its first cell
};

enum { FIT_RELEASE = 4096 }; // lists after which their pages are given back

typedef void (*fit_visit)(void *context, const union row_cell *cells);

// Every value of the feature (feature->size cells), in the order of the lists.
static void fit_each(const struct fit *fit, fit_visit visit, void *context)
{
    const struct dataset *dataset = fit->dataset;
    for (size_t i = 0; i < fit->count; i++) {
        const size_t list = fit->lists[i];
        const size_t docs = (size_t)(dataset->offset[list + 1] - dataset->offset[list]);
        if (fit->shared)
            visit(context, dataset_shared(dataset, list) + fit->offset);
        const union row_cell *rows = dataset_rows(dataset, list);
        for (size_t d = 0; !fit->shared && d < docs; d++)
            visit(context, rows + d * dataset->columns + fit->offset);
        if (i % FIT_RELEASE == FIT_RELEASE - 1)
            dataset_release(dataset, fit->lists[i + 1 - FIT_RELEASE], list + 1);
    }
}

// ---- edges

struct fit_sample {
    float *values;
    size_t count, capacity;
    uint64_t seen, most; // a value is taken if the hash of its number is at most this
};

static void fit_sample_visit(void *context, const union row_cell *cells)
{
    struct fit_sample *sample = context;
    if (isnan(cells->number))
        return;
    const uint64_t number = sample->seen++;
    if (sample->values == NULL || sample->count == sample->capacity ||
        hash64(&number, sizeof(number), 0) > sample->most)
        return;
    sample->values[sample->count++] = cells->number;
}

static int fit_compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// Edges from sorted values; returns how many.
static uint32_t fit_edges(const float *sorted, size_t count, uint32_t quantiles, float *edges)
{
    uint32_t found = 0;
    for (uint32_t k = 1; k < quantiles; k++) {
        const float edge = sorted[(size_t)((uint64_t)k * count / quantiles)];
        if (edge > (found == 0 ? sorted[0] : edges[found - 1]))
            edges[found++] = edge;
    }
    // Few values at the top of the range, and one that fills all quantiles below.
    if (found == 0 && sorted[count - 1] > sorted[0])
        edges[found++] = sorted[count - 1];
    return found;
}

MUST_USE static enum status fit_quantiles(const struct fit *fit, struct schema_feature *feature,
                                          struct diag *reterr)
{
    struct fit_sample sample = {.most = UINT64_MAX};
    fit_each(fit, fit_sample_visit, &sample); // only how many there are
    sample.capacity = sample.seen;
    if (sample.seen > FIT_SAMPLE) {
        sample.most = (uint64_t)ldexp((double)FIT_SAMPLE / (double)sample.seen, 64);
        sample.capacity = 2 * (size_t)FIT_SAMPLE;
    }
    sample.seen = 0;
    sample.values = calloc(sample.capacity + 1, sizeof(*sample.values));
    feature->edges = calloc(feature->quantiles, sizeof(*feature->edges));
    if (sample.values == NULL || feature->edges == NULL) {
        free(sample.values);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the edges of buckets");
    }
    fit_each(fit, fit_sample_visit, &sample);
    qsort(sample.values, sample.count, sizeof(*sample.values), fit_compare);
    if (sample.count > 0)
        feature->edge_count =
            fit_edges(sample.values, sample.count, feature->quantiles, feature->edges);
    free(sample.values);
    if (feature->edge_count == 0)
        return diag_at_path(reterr, STATUS_CONFIG, feature->name,
                            sample.count == 0
                                ? "it has no value in the training data, so no quantiles"
                                : "it has one value in all training data, so no quantiles");
    return STATUS_OK;
}

// ---- mean and scale

struct fit_moments {
    uint32_t size;
    uint64_t count;
    double *mean, *square; // (size)
    bool centred;          // the second pass
};

static void fit_moments_visit(void *context, const union row_cell *cells)
{
    struct fit_moments *moments = context;
    moments->count += !moments->centred;
    for (uint32_t i = 0; i < moments->size; i++) {
        const double x = (double)cells[i].number;
        if (moments->centred)
            moments->square[i] += (x - moments->mean[i]) * (x - moments->mean[i]);
        else
            moments->mean[i] += x;
    }
}

static void fit_moments_set(const struct fit_moments *moments, struct schema_feature *feature)
{
    for (uint32_t i = 0; i < feature->size; i++) {
        const double deviation = sqrt(moments->square[i] / (double)moments->count);
        const double scale = 1 / deviation;
        feature->mean[i] = (float)moments->mean[i];
        feature->scale[i] = isfinite((float)scale) ? (float)scale : 1;
        if (!(deviation > 0))
            LOG_EVENT(LOG_WARN, "a feature that is standardised has one value in all training data",
                      LOG_S("feature", feature->name), LOG_I("value", i));
    }
}

MUST_USE static enum status fit_standardise(const struct fit *fit, struct schema_feature *feature,
                                            struct diag *reterr)
{
    struct fit_moments moments = {.size = feature->size};
    moments.mean = calloc(2 * (size_t)feature->size, sizeof(*moments.mean));
    feature->mean = calloc(feature->size, sizeof(*feature->mean));
    feature->scale = calloc(feature->size, sizeof(*feature->scale));
    if (moments.mean == NULL || feature->mean == NULL || feature->scale == NULL) {
        free(moments.mean);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for mean and scale");
    }
    moments.square = moments.mean + feature->size;
    fit_each(fit, fit_moments_visit, &moments);
    for (uint32_t i = 0; i < feature->size; i++)
        moments.mean[i] /= (double)moments.count;
    moments.centred = true;
    fit_each(fit, fit_moments_visit, &moments);
    fit_moments_set(&moments, feature);
    free(moments.mean);
    return STATUS_OK;
}

enum status fit_numbers(const struct dataset *dataset, const uint32_t *lists, size_t count,
                        struct schema *schema, struct diag *reterr)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        const bool edges = feature->quantiles > 0 && feature->edges == NULL;
        const bool moments = feature->transform == SCHEMA_STANDARDISE && feature->mean == NULL;
        if (feature->kind != SCHEMA_DENSE || (!edges && !moments))
            continue;
        if (feature->source != SCHEMA_SENT)
            return diag_at_path(reterr, STATUS_CONFIG, feature->name,
                                "a feature that is made of the page has no %s: it is not learnt",
                                edges ? "quantiles" : "mean and scale");
        const struct schema_feature *have = schema_find(dataset->schema, feature->name);
        if (have == NULL)
            return diag_at_path(reterr, STATUS_CONFIG, feature->name,
                                "the data do not have this feature");
        const struct fit fit = {.dataset = dataset,
                                .lists = lists,
                                .count = count,
                                .shared = schema_in_shared_cells(feature),
                                .offset = have->offset};
        TRY(edges ? fit_quantiles(&fit, feature, reterr) : fit_standardise(&fit, feature, reterr));
    }
    return STATUS_OK;
}
