#include "tests/support/input_case.h"

#include "base/rng.h"
#include "base/yamldoc.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t offsets[INPUT_CASE_LISTS + 1] = {0, 3, 4, 8, 10, 13};

static void fit(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        if (feature->quantiles == 0)
            continue;
        feature->edges = calloc(2, sizeof(*feature->edges));
        assert_non_null(feature->edges);
        feature->edges[0] = -.5F;
        feature->edges[1] = .5F;
        feature->edge_count = 2;
    }
    assert_int_equal(schema_size_tables(schema, NULL), STATUS_OK);
}

static uint32_t random_id(const struct schema *schema, const struct schema_feature *feature,
                          struct rng *rng)
{
    const size_t rows = schema->tables[feature->table].rows;
    return rng_below(rng, 5) == 0 ? 0 : 1 + (uint32_t)rng_below(rng, rows - 1);
}

static void random_cells(const struct schema *schema, const struct schema_feature *feature,
                         struct rng *rng, bool empty, union row_cell *cells)
{
    const size_t length = empty ? 0 : (size_t)rng_below(rng, feature->size + 1);
    for (size_t k = 0; k < schema_cells(feature); k++) {
        if (feature->kind == SCHEMA_ID_LIST) {
            const size_t rows = schema->tables[feature->table].rows;
            cells[k].id = k < length ? 1 + (uint32_t)rng_below(rng, rows - 1) : 0;
        } else if (schema_has_ids(feature)) {
            cells[k].id = empty ? 0 : random_id(schema, feature, rng);
        } else {
            cells[k].number = (float)rng_normal(rng);
            if (feature->quantiles > 0 && rng_below(rng, 5) == 0)
                cells[k].number = NAN;
        }
    }
}

static void fill(struct input_case *test, bool shared, union row_cell *cells, size_t blocks)
{
    const struct schema *schema = &test->schema;
    const size_t width = shared ? schema->shared_cells : schema->row_cells;
    struct rng rng;
    rng_start(&rng, 4, RNG_TEST, shared, 0);
    for (size_t i = 0; i < blocks; i++)
        for (size_t f = 0; f < schema->count; f++)
            if (schema_in_shared_cells(&schema->features[f]) == shared)
                random_cells(schema, &schema->features[f], &rng,
                             shared ? i == 1 : i == (size_t)offsets[1],
                             cells + i * width + schema->features[f].offset);
}

void input_case_init(struct input_case *test, const char *yaml)
{
    struct yamldoc *doc = NULL;
    struct diag diag = {0};
    *test = (struct input_case){0};
    assert_int_equal(yamldoc_parse(span_of(yaml), "test", &doc, NULL), STATUS_OK);
    if (schema_from_yaml(yamldoc_root(doc), "test", &test->schema, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
    yamldoc_free(doc);
    fit(&test->schema);
    const struct schema *schema = &test->schema;
    test->shared = calloc(INPUT_CASE_LISTS * schema->shared_cells + 1, sizeof(*test->shared));
    test->cells = calloc(INPUT_CASE_ROWS * schema->row_cells + 1, sizeof(*test->cells));
    assert_true(test->shared != NULL && test->cells != NULL);
    fill(test, true, test->shared, INPUT_CASE_LISTS);
    fill(test, false, test->cells, INPUT_CASE_ROWS);
    memcpy(test->offset, offsets, sizeof(offsets));
    for (size_t i = 0; i < INPUT_CASE_ROWS; i++)
        test->label[i] = i % 3 == 0 ? 1 : 0;
    test->batch = (struct minibatch){.schema = schema,
                                     .max_rows = INPUT_CASE_ROWS,
                                     .max_lists = INPUT_CASE_LISTS,
                                     .docs = INPUT_CASE_ROWS,
                                     .lists = INPUT_CASE_LISTS,
                                     .shared = test->shared,
                                     .cells = test->cells,
                                     .label = test->label,
                                     .offset = test->offset};
}

void input_case_fini(struct input_case *test)
{
    free(test->shared);
    free(test->cells);
    schema_fini(&test->schema);
}
