#include "model/train/listrows.h"

#include "base/num.h"
#include "model/train/pagectx.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Cells that follow one another on both sides become one run.
static void listrows_add(struct listrows_runs *runs, uint32_t from, uint32_t to, uint32_t count)
{
    struct listrows_run *last = runs->count == 0 ? NULL : &runs->items[runs->count - 1];
    if (last != NULL && last->from + last->count == from && last->to + last->count == to)
        last->count += count;
    else
        runs->items[runs->count++] = (struct listrows_run){from, to, count};
}

static void listrows_copy(const struct listrows_runs *runs, const union row_cell *from,
                          union row_cell *to)
{
    for (size_t r = 0; r < runs->count; r++)
        memcpy(to + runs->items[r].to, from + runs->items[r].from,
               runs->items[r].count * sizeof(*to));
}

MUST_USE static enum status
listrows_letor(struct listrows *rows, const struct schema_feature *feature, struct diag *reterr)
{
    if (feature->source == SCHEMA_PAGE) {
        rows->page = feature;
        return STATUS_OK;
    }
    if (feature->scope != ROW_ITEM)
        return diag_at_path(reterr, STATUS_INVALID, feature->name,
                            "LETOR data have features of items only");
    if (feature->columns == NULL)
        return diag_at_path(reterr, STATUS_INVALID, feature->name,
                            "the feature names no LETOR columns");
    for (uint32_t i = 0; i < feature->size; i++) {
        if (feature->columns[i] < 1 || feature->columns[i] > rows->dataset->columns)
            return diag_at_path(reterr, STATUS_INVALID, feature->name,
                                "column %u is not there: the data have columns 1 to %zu",
                                feature->columns[i], rows->dataset->columns);
        listrows_add(&rows->rows, feature->columns[i] - 1, feature->offset + i, 1);
    }
    return STATUS_OK;
}

// A feature of impressions: the data set has cells of the same name.
MUST_USE static enum status listrows_impression(struct listrows *rows,
                                                const struct schema_feature *feature,
                                                struct diag *reterr)
{
    if (feature->source != SCHEMA_SENT)
        return STATUS_OK;
    const struct schema_feature *have = schema_find(rows->dataset->schema, feature->name);
    if (have == NULL || have->kind != feature->kind || have->scope != feature->scope ||
        schema_cells(have) != schema_cells(feature))
        return diag_at_path(reterr, STATUS_INVALID, feature->name,
                            have == NULL ? "the data do not have this feature"
                                         : "the data have this feature in another form");
    listrows_add(schema_in_shared_cells(feature) ? &rows->shared : &rows->rows, have->offset,
                 feature->offset, schema_cells(feature));
    return STATUS_OK;
}

MUST_USE static enum status listrows_compile(struct listrows *rows, struct diag *reterr)
{
    const struct schema *schema = rows->schema;
    rows->shared.items = calloc(schema->count + 1, sizeof(*rows->shared.items));
    rows->rows.items = calloc(schema->row_cells + 1, sizeof(*rows->rows.items));
    if (rows->shared.items == NULL || rows->rows.items == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < schema->count; i++)
        TRY(rows->dataset->schema == NULL
                ? listrows_letor(rows, &schema->features[i], reterr)
                : listrows_impression(rows, &schema->features[i], reterr));
    return STATUS_OK;
}

static size_t listrows_longest(const struct listrows *rows)
{
    size_t longest = 0;
    for (size_t list = 0; list < rows->dataset->lists; list++) {
        size_t docs = listrows_docs(rows, list);
        longest = docs > longest ? docs : longest;
    }
    return longest;
}

MUST_USE static enum status listrows_prepare_page(struct listrows *rows, struct diag *reterr)
{
    size_t cells;
    rows->page_of = schema_find(rows->schema, "f");
    if (rows->page_of == NULL || rows->page_of->source != SCHEMA_SENT ||
        rows->page->size != pagectx_width(rows->page_of->size))
        return diag_at_path(reterr, STATUS_INVALID, rows->page->name,
                            "the page is made of a feature 'f' and has twice its size plus 1");
    if (!num_mul(listrows_longest(rows), rows->page_of->size, &cells))
        return diag_set(reterr, STATUS_TOO_LARGE, "the longest list is too long");
    rows->transformed = calloc(cells, sizeof(*rows->transformed));
    rows->scratch = calloc(2 * (size_t)rows->page_of->size, sizeof(*rows->scratch));
    if (rows->transformed == NULL || rows->scratch == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return STATUS_OK;
}

// Memory for what is made of the page.
MUST_USE static enum status listrows_prepare(struct listrows *rows, struct diag *reterr)
{
    bool share = false;
    for (size_t i = 0; i < rows->schema->count; i++)
        share = share || rows->schema->features[i].source == SCHEMA_SHARE;
    if (share && (rows->ids = calloc(listrows_longest(rows) + 1, sizeof(*rows->ids))) == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return rows->page == NULL ? STATUS_OK : listrows_prepare_page(rows, reterr);
}

enum status listrows_init(struct listrows *rows, const struct dataset *dataset,
                          const struct schema *schema, const struct kernels *kernels,
                          struct diag *reterr)
{
    *rows = (struct listrows){.dataset = dataset, .schema = schema, .kernels = kernels};
    enum status code = listrows_compile(rows, reterr);
    if (code == STATUS_OK)
        code = listrows_prepare(rows, reterr);
    if (code != STATUS_OK)
        listrows_fini(rows);
    return code;
}

void listrows_fini(struct listrows *rows)
{
    free(rows->shared.items);
    free(rows->rows.items);
    free(rows->transformed);
    free(rows->scratch);
    free(rows->ids);
    *rows = (struct listrows){0};
}

size_t listrows_docs(const struct listrows *rows, size_t list)
{
    assert(list < rows->dataset->lists);
    return (size_t)(rows->dataset->offset[list + 1] - rows->dataset->offset[list]);
}

// c (n, 2F + 1) into the page cells of raw, from g (n, F), the transformed `f` of the list.
static void listrows_fill_page(struct listrows *rows, size_t n, union row_cell *raw)
{
    const size_t width = rows->page_of->size, row_cells = rows->schema->row_cells;
    for (size_t i = 0; i < n; i++) {
        const float *f = &raw[i * row_cells + rows->page_of->offset].number;
        float *g = rows->transformed + i * width;
        if (rows->page_of->transform == SCHEMA_LOG1P)
            rows->kernels->log1p(f, width, g);
        else
            memcpy(g, f, width * sizeof(*g));
    }
    pagectx_fill(rows->transformed, n, width, width, &raw[rows->page->offset].number, row_cells,
                 rows->scratch);
}

static int listrows_compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// The share of the page's items, itself among them, that have the id of an item; 0 without an id.
static void listrows_fill_share(const struct listrows *rows, const struct schema_feature *feature,
                                size_t n, union row_cell *raw)
{
    const size_t stride = rows->schema->row_cells;
    const size_t of = rows->schema->features[feature->of].offset;
    for (size_t i = 0; i < n; i++)
        rows->ids[i] = (uint64_t)raw[i * stride + of].id << 32 | i;
    qsort(rows->ids, n, sizeof(*rows->ids), listrows_compare);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && rows->ids[end] >> 32 == rows->ids[i] >> 32;)
            end++;
        const bool known = rows->ids[i] >> 32 != 0;
        for (size_t k = i; k < end; k++)
            raw[(uint32_t)rows->ids[k] * stride + feature->offset].number =
                known ? (float)((double)(end - i) / (double)n) : 0;
    }
}

static union row_cell listrows_page_cell(const struct schema_feature *feature, size_t n, size_t i)
{
    union row_cell cell = {0};
    if (feature->source == SCHEMA_PAGE_SIZE)
        cell.number = (float)n;
    else if (feature->kind == SCHEMA_DENSE)
        cell.number = (float)i;
    else // places beyond the table share its last row
        cell.id = i < feature->buckets ? (uint32_t)i + 1 : feature->buckets;
    return cell;
}

// Numbers and places that are made of the page of impressions.
static void listrows_fill_made(const struct listrows *rows, size_t n, union row_cell *raw)
{
    const struct schema *schema = rows->schema;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        if (feature->source == SCHEMA_SHARE)
            listrows_fill_share(rows, feature, n, raw);
        if (feature->source != SCHEMA_PAGE_SIZE && feature->source != SCHEMA_POSITION)
            continue;
        for (size_t i = 0; i < n; i++)
            raw[i * schema->row_cells + feature->offset] = listrows_page_cell(feature, n, i);
    }
}

void listrows_fill(struct listrows *rows, size_t list, union row_cell *shared, union row_cell *raw)
{
    const size_t n = listrows_docs(rows, list), columns = rows->dataset->columns;
    const union row_cell *from = dataset_rows(rows->dataset, list);
    if (rows->shared.count > 0)
        listrows_copy(&rows->shared, dataset_shared(rows->dataset, list), shared);
    for (size_t i = 0; i < n; i++)
        listrows_copy(&rows->rows, from + i * columns, raw + i * rows->schema->row_cells);
    if (rows->page != NULL)
        listrows_fill_page(rows, n, raw);
    listrows_fill_made(rows, n, raw);
}
