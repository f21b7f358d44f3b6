#include "model/train/listrows.h"

#include "base/num.h"
#include "model/train/pagectx.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

MUST_USE static enum status listrows_check(const struct dataset *dataset,
                                           const struct schema_feature *feature,
                                           struct diag *reterr)
{
    if (feature->scope != ROW_ITEM)
        return diag_at_path(reterr, STATUS_INVALID, feature->name,
                            "LETOR data have features of items only");
    if (feature->columns == NULL)
        return diag_at_path(reterr, STATUS_INVALID, feature->name,
                            "the feature names no LETOR columns");
    for (uint32_t i = 0; i < feature->size; i++)
        if (feature->columns[i] < 1 || feature->columns[i] > dataset->columns)
            return diag_at_path(reterr, STATUS_INVALID, feature->name,
                                "column %u is not there: the data have columns 1 to %zu",
                                feature->columns[i], dataset->columns);
    return STATUS_OK;
}

// Columns that follow one another on both sides become one run.
static void listrows_add_runs(struct listrows *rows, const struct schema_feature *feature)
{
    for (uint32_t i = 0; i < feature->size; i++) {
        uint32_t from = feature->columns[i] - 1, to = feature->offset + i;
        struct listrows_run *last = rows->run_count == 0 ? NULL : &rows->runs[rows->run_count - 1];
        if (last != NULL && last->from + last->count == from && last->to + last->count == to)
            last->count++;
        else
            rows->runs[rows->run_count++] = (struct listrows_run){from, to, 1};
    }
}

MUST_USE static enum status listrows_compile(struct listrows *rows, const struct schema *schema,
                                             struct diag *reterr)
{
    rows->runs = calloc(schema->row_width + 1, sizeof(*rows->runs));
    if (rows->runs == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (feature->source == SCHEMA_PAGE) {
            rows->page = feature;
            continue;
        }
        TRY(listrows_check(rows->dataset, feature, reterr));
        listrows_add_runs(rows, feature);
    }
    return STATUS_OK;
}

MUST_USE static enum status listrows_prepare_page(struct listrows *rows,
                                                  const struct schema *schema, struct diag *reterr)
{
    size_t cells;
    if (rows->page == NULL)
        return STATUS_OK;
    rows->page_of = schema_find(schema, "f");
    if (rows->page_of == NULL || rows->page_of->source != SCHEMA_SENT ||
        rows->page->size != pagectx_width(rows->page_of->size))
        return diag_at_path(reterr, STATUS_INVALID, rows->page->name,
                            "the page is made of a feature 'f' and has twice its size plus 1");
    if (!num_mul(rows->longest, rows->page_of->size, &cells))
        return diag_set(reterr, STATUS_TOO_LARGE, "the longest list is too long");
    rows->transformed = calloc(cells, sizeof(*rows->transformed));
    rows->scratch = calloc(2 * (size_t)rows->page_of->size, sizeof(*rows->scratch));
    if (rows->transformed == NULL || rows->scratch == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return STATUS_OK;
}

enum status listrows_init(struct listrows *rows, const struct dataset *dataset,
                          const struct schema *schema, const struct kernels *kernels,
                          struct diag *reterr)
{
    *rows =
        (struct listrows){.dataset = dataset, .kernels = kernels, .row_width = schema->row_width};
    for (size_t list = 0; list < dataset->lists; list++) {
        size_t docs = listrows_docs(rows, list);
        rows->longest = docs > rows->longest ? docs : rows->longest;
    }
    enum status code = listrows_compile(rows, schema, reterr);
    if (code == STATUS_OK)
        code = listrows_prepare_page(rows, schema, reterr);
    if (code != STATUS_OK)
        listrows_fini(rows);
    return code;
}

void listrows_fini(struct listrows *rows)
{
    free(rows->runs);
    free(rows->transformed);
    free(rows->scratch);
    *rows = (struct listrows){0};
}

size_t listrows_docs(const struct listrows *rows, size_t list)
{
    assert(list < rows->dataset->lists);
    return (size_t)(rows->dataset->offset[list + 1] - rows->dataset->offset[list]);
}

// c (n, 2F + 1) into the page columns of raw, from g (n, F), the transformed `f` of the list.
static void listrows_fill_page(struct listrows *rows, size_t n, float *raw)
{
    size_t width = rows->page_of->size;
    for (size_t i = 0; i < n; i++) {
        const float *f = raw + i * rows->row_width + rows->page_of->offset;
        float *g = rows->transformed + i * width;
        if (rows->page_of->transform == SCHEMA_LOG1P)
            rows->kernels->log1p(f, width, g);
        else
            memcpy(g, f, width * sizeof(*g));
    }
    pagectx_fill(rows->transformed, n, width, width, raw + rows->page->offset, rows->row_width,
                 rows->scratch);
}

void listrows_fill(struct listrows *rows, size_t list, float *raw)
{
    size_t n = listrows_docs(rows, list), columns = rows->dataset->columns;
    const float *values = rows->dataset->values + rows->dataset->offset[list] * columns;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < rows->run_count; r++) {
            const struct listrows_run *run = &rows->runs[r];
            memcpy(raw + i * rows->row_width + run->to, values + i * columns + run->from,
                   run->count * sizeof(*raw));
        }
    if (rows->page != NULL)
        listrows_fill_page(rows, n, raw);
}
