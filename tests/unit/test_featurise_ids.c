// Ids, lists, buckets and what is made of the page, as columns: stated by hand, of small tables
// whose numbers are exact in float. The same bits for every kernel set; a row by itself has the
// bits that it has among others.
#include "model/featurise.h"

#include "base/yamldoc.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Tables by name, in the order of the schema: bucket (b), user (u), item (i), own (o).
static const char sample[] =
    "- {name: u, scope: user, kind: id, buckets: 2, dim: 2}\n"
    "- {name: us, scope: user, kind: id_list, table: i, max_len: 3, pool: sum}\n"
    "- {name: b, scope: context, kind: dense, quantiles: 4, dim: 1}\n"
    "- {name: i, scope: item, kind: id, buckets: 3, dim: 2}\n"
    "- {name: h, scope: user, kind: id_list, table: i, max_len: 2, pool: din, target: i}\n"
    "- {name: im, scope: item, kind: id_list, table: i, max_len: 3, pool: mean}\n"
    "- {name: s, scope: item, kind: dense, size: 2, transform: standardise}\n"
    "- {name: loo, scope: item, kind: id, source: loo_mean, of: i, privileged: true}\n"
    "- {name: own, scope: item, kind: id, source: loo_mean, of: i, dim: 1, privileged: true}\n"
    "- {name: dwell, scope: context, kind: dense, size: 1, privileged: true}\n";

// u 2, us 2, b 1; then i 2, h 2, im 2, s 2; then loo 2, own 1, dwell 1
enum { SHARED = 5, ROW = 12, STUDENT_ROW = 8, SHARED_CELLS = 8, ROW_CELLS = 6 };

static const float table_u[] = {0, 0, 1, 2, 3, 4};
static const float table_b[] = {0, 10, 20, 30, 40};
static const float table_i[] = {0, 0, 1, -1, 2, 8, 4, -32};
static const float table_own[] = {0, 1, 10, 100};

struct world {
    struct schema schema;
    const float *tables[4];
};

static int make(void **state)
{
    static struct world world;
    struct yamldoc *doc = NULL;
    assert_int_equal(yamldoc_parse(span_of(sample), "test", &doc, NULL), STATUS_OK);
    assert_int_equal(schema_from_yaml(yamldoc_root(doc), "test", &world.schema, NULL), STATUS_OK);
    yamldoc_free(doc);
    struct schema *schema = &world.schema;
    assert_int_equal(schema->table_count, 4);
    for (size_t i = 0; i < 4; i++)
        world.tables[i] = strcmp(schema->tables[i].name, "u") == 0   ? table_u
                          : strcmp(schema->tables[i].name, "b") == 0 ? table_b
                          : strcmp(schema->tables[i].name, "i") == 0 ? table_i
                                                                     : table_own;
    for (size_t f = 0; f < schema->count; f++) {
        struct schema_feature *feature = &schema->features[f];
        if (feature->quantiles > 0) {
            feature->edges = calloc(3, sizeof(float));
            feature->edge_count = 3;
            memcpy(feature->edges, (float[]){-1.5F, 0, 2}, 3 * sizeof(float));
        }
        if (feature->transform == SCHEMA_STANDARDISE) {
            feature->mean = calloc(2, sizeof(float));
            feature->scale = calloc(2, sizeof(float));
            memcpy(feature->mean, (float[]){10, -2}, 2 * sizeof(float));
            memcpy(feature->scale, (float[]){.5F, 4}, 2 * sizeof(float));
        }
    }
    assert_int_equal(schema->shared_width, SHARED);
    assert_int_equal(schema->row_width, ROW);
    assert_int_equal(schema->shared_cells, SHARED_CELLS);
    assert_int_equal(schema->row_cells, ROW_CELLS);
    *state = &world;
    return 0;
}

static int drop(void **state)
{
    struct world *world = *state;
    schema_fini(&world->schema);
    return 0;
}

// Cells: u, us x 3, b, h x 2, dwell.
static void set_shared(union row_cell *cells, uint32_t u, const uint32_t *us, float b)
{
    memset(cells, 0, SHARED_CELLS * sizeof(*cells));
    cells[0].id = u;
    for (size_t k = 0; k < 3; k++)
        cells[1 + k].id = us[k];
    cells[4].number = b;
    cells[5].id = 3; // a history, which featurise leaves alone
    cells[7].number = -7;
}

// Cells: i, im x 3, s x 2.
static void set_row(union row_cell *cells, uint32_t i, const uint32_t *im, float s0, float s1)
{
    cells[0].id = i;
    for (size_t k = 0; k < 3; k++)
        cells[1 + k].id = im[k];
    cells[4].number = s0;
    cells[5].number = s1;
}

static void is(const char *what, const float *got, const float *want, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (!(got[k] == want[k]))
            fail_msg("%s, column %zu: got %.9g, want %.9g", what, k, (double)got[k],
                     (double)want[k]);
}

// ---- one feature after another

static void buckets_at_their_edges(void **state)
{
    const struct world *world = *state;
    const struct schema_feature *b = schema_find(&world->schema, "b");
    static const struct {
        float x;
        uint32_t row;
    } cases[] = {{-1e38F, 1}, {-1.6F, 1}, {-1.5F, 2}, {-1.4F, 2},     {-1e-30F, 2}, {-0.0F, 3},
                 {0, 3},      {1.9F, 3},  {2, 4},     {2.000001F, 4}, {1e6F, 4}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (featurise_row(b, (union row_cell){cases[i].x}) != cases[i].row)
            fail_msg("%.9g is in row %u", (double)cases[i].x,
                     featurise_row(b, (union row_cell){cases[i].x}));
    assert_int_equal(featurise_row(b, (union row_cell){NAN}), 0);
    assert_int_equal(featurise_row(b, (union row_cell){-NAN}), 0);
    struct schema_feature constant = *b; // equal edges are merged: of a constant, one or none
    constant.edge_count = 1;
    assert_int_equal(featurise_row(&constant, (union row_cell){-1.6F}), 1);
    assert_int_equal(featurise_row(&constant, (union row_cell){-1.5F}), 2);
    constant.edge_count = 0;
    assert_int_equal(featurise_row(&constant, (union row_cell){5}), 1);
    // Of an id, the row is the id.
    assert_int_equal(featurise_row(schema_find(&world->schema, "i"), (union row_cell){.id = 3}), 3);
}

static void what_is_sent_once(void **state)
{
    const struct world *world = *state;
    const struct featurise f = {&world->schema, kernels_at(0), world->tables, true};
    union row_cell cells[SHARED_CELLS];
    float got[SHARED];
    set_shared(cells, 2, (uint32_t[]){1, 3, 1}, .5F);
    featurise_shared(&f, cells, got);
    is("all", got, (float[]){3, 4, 6, -34, 30}, SHARED); // 1 + 4 + 1, -1 - 32 - 1
    set_shared(cells, 0, (uint32_t[]){0, 0, 0}, NAN);
    featurise_shared(&f, cells, got);
    is("nothing", got, (float[]){0, 0, 0, 0, 0}, SHARED);
    set_shared(cells, 1, (uint32_t[]){2, 0, 3}, -3); // behind the first 0 nothing is read
    featurise_shared(&f, cells, got);
    is("a short list", got, (float[]){1, 2, 2, 8, 10}, SHARED);
}

enum { PAGE = 4 };

// Items 1, none, 2, 3; lists mean of (1, 2), nothing, (3), (1, 1, 2).
static void make_page(union row_cell *rows)
{
    set_row(rows, 1, (uint32_t[]){1, 2, 0}, 10, -2);
    set_row(rows + ROW_CELLS, 0, (uint32_t[]){0, 0, 0}, 12, -1);
    set_row(rows + 2 * ROW_CELLS, 2, (uint32_t[]){3, 0, 0}, 0, 0);
    set_row(rows + 3 * ROW_CELLS, 3, (uint32_t[]){1, 1, 2}, -10, 1e6F);
}

// i, (h), im, s, loo, own, dwell. e(1) + e(2) + e(3) = (7, -25); of own 111.
static const float page_want[PAGE][ROW] = {
    {1, -1, 77, 77, 1.5F, 3.5F, 0, 0, (2 + 4) / 2.F, (8 - 32) / 2.F, (10 + 100) / 2.F, -7},
    {0, 0, 77, 77, 0, 0, 1, 4, 7 / 3.F, -25 / 3.F, 111 / 3.F, -7},
    {2, 8, 77, 77, 4, -32, -5, 8, (1 + 4) / 2.F, (-1 - 32) / 2.F, (1 + 100) / 2.F, -7},
    {4, -32, 77, 77, 4 / 3.F, 6 / 3.F, -10, (1e6F + 2) * 4, (1 + 2) / 2.F, (-1 + 8) / 2.F,
     (1 + 10) / 2.F, -7},
};

static void a_page_of_items(void **state)
{
    const struct world *world = *state;
    union row_cell shared[SHARED_CELLS], rows[PAGE * ROW_CELLS];
    set_shared(shared, 1, (uint32_t[]){1, 0, 0}, 0);
    make_page(rows);
    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_runnable(k))
            continue;
        enum { STRIDE = ROW + 3 };
        const struct featurise f = {&world->schema, kernels_at(k), world->tables, true};
        float got[PAGE * STRIDE];
        for (size_t i = 0; i < PAGE * STRIDE; i++)
            got[i] = 77;
        featurise_rows(&f, shared, rows, PAGE, got, STRIDE);
        for (size_t i = 0; i < PAGE; i++) {
            is("page", got + i * STRIDE, page_want[i], ROW); // DIN's columns stay as they were
            is("between", got + i * STRIDE + ROW, (float[]){77, 77, 77}, STRIDE - ROW);
        }
    }
}

// The mean of the others of a page of one, and of one known id.
static void nobody_else(void **state)
{
    const struct world *world = *state;
    const struct featurise f = {&world->schema, kernels_at(0), world->tables, true};
    union row_cell shared[SHARED_CELLS], rows[PAGE * ROW_CELLS];
    float got[2 * ROW];
    set_shared(shared, 1, (uint32_t[]){1, 0, 0}, 0);
    make_page(rows);
    featurise_rows(&f, shared, rows, 1, got, ROW);
    is("one", got + STUDENT_ROW, (float[]){0, 0, 0}, 3);
    featurise_rows(&f, shared, rows + ROW_CELLS, 1, got, ROW);
    is("one without an id", got + STUDENT_ROW, (float[]){0, 0, 0}, 3);
    featurise_rows(&f, shared, rows, 2, got, ROW); // 1 and none
    is("alone known", got + STUDENT_ROW, (float[]){0, 0, 0}, 3);
    is("sees it", got + ROW + STUDENT_ROW, (float[]){1, -1, 1}, 3);
}

// Two of the same id are two: each is the other's.
static void twins(void **state)
{
    const struct world *world = *state;
    const struct featurise f = {&world->schema, kernels_at(0), world->tables, true};
    union row_cell shared[SHARED_CELLS], rows[3 * ROW_CELLS];
    float got[3 * ROW];
    set_shared(shared, 1, (uint32_t[]){1, 0, 0}, 0);
    for (size_t i = 0; i < 3; i++)
        set_row(rows + i * ROW_CELLS, i < 2 ? 2 : 1, (uint32_t[]){0, 0, 0}, 0, 0);
    featurise_rows(&f, shared, rows, 3, got, ROW);
    is("twin", got + STUDENT_ROW, (float[]){1.5F, 3.5F, 5.5F}, 3);
    is("third", got + 2 * ROW + STUDENT_ROW, (float[]){2, 8, 10}, 3);
}

static void a_student_leaves_out_what_is_privileged(void **state)
{
    const struct world *world = *state;
    const struct featurise f = {&world->schema, kernels_at(0), world->tables, false};
    union row_cell shared[SHARED_CELLS], rows[PAGE * ROW_CELLS];
    float got[PAGE * STUDENT_ROW];
    for (size_t i = 0; i < PAGE * STUDENT_ROW; i++)
        got[i] = 77;
    set_shared(shared, 1, (uint32_t[]){1, 0, 0}, 0);
    make_page(rows);
    featurise_rows(&f, shared, rows, PAGE, got, STUDENT_ROW);
    for (size_t i = 0; i < PAGE; i++)
        is("student", got + i * STUDENT_ROW, page_want[i], STUDENT_ROW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_at_their_edges),
        cmocka_unit_test(what_is_sent_once),
        cmocka_unit_test(a_page_of_items),
        cmocka_unit_test(nobody_else),
        cmocka_unit_test(twins),
        cmocka_unit_test(a_student_leaves_out_what_is_privileged),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
