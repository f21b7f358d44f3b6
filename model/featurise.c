#include "model/featurise.h"

#include "model/embed_pool.h"

#include <assert.h>
#include <math.h>
#include <string.h>

uint32_t featurise_row(const struct schema_feature *feature, union row_cell cell)
{
    if (feature->quantiles == 0)
        return cell.id;
    if (isnan(cell.number))
        return 0;
    uint32_t low = 0, high = feature->edge_count; // edges before `low` are <= x
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (feature->edges[middle] <= cell.number)
            low = middle + 1;
        else
            high = middle;
    }
    return low + 1;
}

static void numbers(const struct featurise *featurise, const struct schema_feature *feature,
                    const union row_cell *cells, float *columns)
{
    const float *raw = &cells->number;
    switch (feature->transform) {
    case SCHEMA_NONE:
        memcpy(columns, raw, feature->size * sizeof *raw);
        break;
    case SCHEMA_LOG1P:
        featurise->kernels->log1p(raw, feature->size, columns);
        break;
    case SCHEMA_STANDARDISE:
        for (uint32_t i = 0; i < feature->size; i++)
            columns[i] = (raw[i] - feature->mean[i]) * feature->scale[i];
        break;
    }
}

// One feature of one row that needs no other row.
static void one(const struct featurise *featurise, const struct schema_feature *feature,
                const union row_cell *cells, float *columns)
{
    if (feature->table == SCHEMA_NO_TABLE) {
        numbers(featurise, feature, cells, columns);
        return;
    }
    const float *table = featurise->tables[feature->table];
    const size_t dim = feature->width;
    if (feature->kind != SCHEMA_ID_LIST)
        memcpy(columns, table + featurise_row(feature, cells[0]) * dim, dim * sizeof *columns);
    else if (feature->pool == SCHEMA_SUM)
        embed_pool_sum(table, dim, &cells->id, feature->size, columns);
    else
        embed_pool_mean(table, dim, &cells->id, feature->size, columns);
}

void featurise_shared(const struct featurise *featurise, const union row_cell *shared,
                      float *columns)
{
    const struct schema *schema = featurise->schema;
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (schema_in_shared_columns(feature))
            one(featurise, feature, shared + feature->offset, columns + feature->column);
    }
}

// Of the other items of the page that have an id: in double, rounded once.
static void loo_mean(const struct featurise *featurise, const struct schema_feature *feature,
                     const union row_cell *rows, size_t n, float *columns, size_t stride)
{
    const struct schema *schema = featurise->schema;
    const size_t dim = feature->width, offset = schema->features[feature->of].offset;
    const float *table = featurise->tables[feature->table];
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        known += rows[i * schema->row_cells + offset].id != 0;
    for (size_t k = 0; k < dim; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)table[rows[i * schema->row_cells + offset].id * dim + k];
        for (size_t i = 0; i < n; i++) {
            uint32_t row = rows[i * schema->row_cells + offset].id;
            size_t others = known - (row != 0);
            double own = (double)table[row * dim + k];
            columns[i * stride + k] = others == 0 ? 0 : (float)((sum - own) / (double)others);
        }
    }
}

void featurise_rows(const struct featurise *featurise, const union row_cell *shared,
                    const union row_cell *rows, size_t n, float *columns, size_t stride)
{
    const struct schema *schema = featurise->schema;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        if (schema_in_shared_columns(feature) || schema_is_din(feature) ||
            (feature->privileged && !featurise->privileged))
            continue;
        float *column = columns + feature->column;
        if (feature->source == SCHEMA_LOO_MEAN) {
            loo_mean(featurise, feature, rows, n, column, stride);
            continue;
        }
        const bool once = schema_in_shared_cells(feature);
        const union row_cell *cells = (once ? shared : rows) + feature->offset;
        for (size_t i = 0; i < n; i++)
            one(featurise, feature, cells + (once ? 0 : i * schema->row_cells),
                column + i * stride);
    }
}
