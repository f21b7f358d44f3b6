// Where cells, columns and tables stand, what a student keeps, what the reader of JSON is told.
// Oracle: design 8, counted by hand.
#include "model/schema.h"

#include "base/yamldoc.h"
#include "proto/row_code.h"
#include "proto/vocab.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char sample[] =
    "- {name: pair, kind: cross, cross: [user_id, item_id], buckets: 50, dim: 2}\n"
    "- {name: others, scope: item, kind: id, source: loo_mean, of: item_id, privileged: true}\n"
    "- {name: brands, scope: item, kind: id, source: loo_mean, of: brand, dim: 5, privileged: "
    "true}\n"
    "- {name: dwell, scope: context, kind: dense, size: 1, default: 0, privileged: true}\n"
    "- {name: place, scope: item, kind: id, source: position, encode: identity, buckets: 10, dim: "
    "2, privileged: true}\n"
    "- {name: history, scope: user, kind: id_list, table: item_id, max_len: 5, pool: din, "
    "target: item_id}\n"
    "- {name: item_id, scope: item, kind: id, buckets: 1000, dim: 4}\n"
    "- {name: brand, scope: item, kind: id, encode: vocab, dim: 3}\n"
    "- {name: words, scope: item, kind: id_list, table: brand, max_len: 3}\n"
    "- {name: price, scope: item, kind: dense, size: 2, default: -1}\n"
    "- {name: when, kind: cross, cross: [hour, user_id], buckets: 20, dim: 2}\n"
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 2}\n"
    "- {name: user_id, scope: user, kind: id, buckets: 100, dim: 4}\n"
    "- {name: age, scope: user, kind: dense, quantiles: 8, dim: 3}\n";
enum { COUNT = 14 };

static struct schema load(void)
{
    struct schema schema = {0};
    struct yamldoc *doc = NULL;
    struct diag diag = {0};
    assert_int_equal(yamldoc_parse(span_of(sample), "c.yaml", &doc, NULL), STATUS_OK);
    if (schema_from_yaml(yamldoc_root(doc), "c.yaml", &schema, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
    yamldoc_free(doc);
    return schema;
}

// In the order of the columns.
static const struct {
    const char *name;
    bool shared_cells, shared_columns;
    uint32_t offset, column;
    const char *table;
} places[COUNT] = {
    {"user_id", true, true, 0, 0, "user_id"},   {"age", true, true, 1, 4, "age"},
    {"when", true, true, 2, 7, "when"},         {"hour", true, true, 3, 9, "hour"},
    {"pair", false, false, 0, 0, "pair"},       {"history", true, false, 4, 2, "item_id"},
    {"item_id", false, false, 1, 6, "item_id"}, {"brand", false, false, 2, 10, "brand"},
    {"words", false, false, 3, 13, "brand"},    {"price", false, false, 6, 16, NULL},
    {"others", false, false, 8, 18, "item_id"}, {"brands", false, false, 8, 22, "brands"},
    {"dwell", true, false, 9, 27, NULL},        {"place", false, false, 8, 28, "place"},
};

static void everything_has_its_place(void **state)
{
    (void)state;
    struct schema schema = load();
    assert_int_equal(schema.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const struct schema_feature *f = &schema.features[i];
        assert_string_equal(f->name, places[i].name);
        if (schema_in_shared_cells(f) != places[i].shared_cells ||
            schema_in_shared_columns(f) != places[i].shared_columns ||
            f->offset != places[i].offset || f->column != places[i].column)
            fail_msg("%s: cells at %u, columns at %u", f->name, f->offset, f->column);
        if (places[i].table == NULL)
            assert_int_equal(f->table, SCHEMA_NO_TABLE);
        else
            assert_string_equal(schema.tables[f->table].name, places[i].table);
    }
    assert_int_equal(schema.shared_cells, 10);
    assert_int_equal(schema.row_cells, 9);
    assert_int_equal(schema.shared_width, 11);
    assert_int_equal(schema.row_width, 30);
    assert_int_equal(schema.privileged_width, 4 + 5 + 1 + 2);
    assert_int_equal(schema_cells(schema_find(&schema, "others")), 0);
    schema_fini(&schema);
}

static void names_lead_to_places(void **state)
{
    (void)state;
    struct schema schema = load();
    const struct schema_feature *pair = schema_find(&schema, "pair");
    assert_string_equal(schema.features[pair->cross[0]].name, "user_id");
    assert_string_equal(schema.features[pair->cross[1]].name, "item_id");
    assert_int_equal(pair->scope, ROW_ITEM); // the narrower
    assert_int_equal(schema_find(&schema, "when")->scope, ROW_CONTEXT);
    const struct schema_feature *history = schema_find(&schema, "history");
    assert_string_equal(schema.features[history->target].name, "item_id");
    assert_string_equal(schema.features[schema_find(&schema, "brands")->of].name, "brand");
    assert_int_equal(schema_find(&schema, "price")->target, SCHEMA_NO_FEATURE);
    schema_fini(&schema);
}

static const char brands_text[] = "acmezen";
static const uint64_t brands_offset[] = {0, 4, 7};

// Two edges and a vocabulary of two, as if fitted.
static struct vocab *fit(struct schema *schema)
{
    struct vocab *vocab = NULL;
    assert_int_equal(vocab_new(brands_text, brands_offset, 2, &vocab, NULL), STATUS_OK);
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *f = &schema->features[i];
        if (f->quantiles == 0)
            continue;
        f->edges = calloc(2, sizeof *f->edges);
        assert_non_null(f->edges);
        f->edges[1] = 1;
        f->edge_count = 2;
    }
    schema->tables[schema_find_table(schema, "brand")].vocab = vocab;
    schema_share_vocabs(schema);
    assert_int_equal(schema_size_tables(schema, NULL), STATUS_OK);
    return vocab;
}

static void is_table(const struct schema *schema, const char *name, size_t rows, uint32_t dim)
{
    const uint32_t at = schema_find_table(schema, name);
    assert_int_not_equal(at, SCHEMA_NO_TABLE);
    if (schema->tables[at].rows != rows || schema->tables[at].dim != dim)
        fail_msg("table %s: (%zu, %u)", name, schema->tables[at].rows, schema->tables[at].dim);
}

static void tables_have_their_sizes(void **state)
{
    (void)state;
    struct schema schema = load();
    assert_int_equal(schema_size_tables(&schema, NULL), STATUS_OK);
    is_table(&schema, "brand", 0, 3); // not fitted
    struct vocab *vocab = fit(&schema);
    assert_int_equal(schema.table_count, 9);
    is_table(&schema, "user_id", 101, 4);
    is_table(&schema, "age", 4, 3); // missing, and three buckets
    is_table(&schema, "hour", 25, 2);
    is_table(&schema, "pair", 51, 2);
    is_table(&schema, "item_id", 1001, 4);
    is_table(&schema, "brand", 4, 3);  // missing, unknown, two known
    is_table(&schema, "brands", 4, 5); // of the same ids
    is_table(&schema, "place", 11, 2);
    assert_int_equal(schema_find_table(&schema, "others"), SCHEMA_NO_TABLE);
    vocab_free(vocab);
    schema_fini(&schema);
}

static void a_student_keeps_what_serves(void **state)
{
    (void)state;
    struct schema schema = load(), student;
    struct vocab *vocab = fit(&schema);
    assert_int_equal(schema_student(&schema, &student, NULL), STATUS_OK);
    schema_fini(&schema); // the student owns its own
    static const char *const kept[] = {"user_id", "age",     "when",  "hour",  "pair",
                                       "history", "item_id", "brand", "words", "price"};
    assert_int_equal(student.count, 10);
    for (size_t i = 0; i < student.count; i++) {
        assert_string_equal(student.features[i].name, kept[i]);
        assert_int_equal(student.features[i].column, places[i].column);
        if (places[i].table != NULL)
            assert_string_equal(student.tables[student.features[i].table].name, places[i].table);
    }
    // Cells: dwell is gone from behind the shared ones.
    assert_int_equal(student.shared_cells, 9);
    assert_int_equal(student.row_cells, 8);
    assert_int_equal(student.shared_width, 11);
    assert_int_equal(student.row_width, 18);
    assert_int_equal(student.privileged_width, 0);
    assert_false(schema_has_privileged(&student));
    assert_int_equal(student.table_count, 7);
    assert_int_equal(schema_find_table(&student, "brands"), SCHEMA_NO_TABLE);
    assert_int_equal(schema_find_table(&student, "place"), SCHEMA_NO_TABLE);
    is_table(&student, "brand", 4, 3);
    is_table(&student, "age", 4, 3);
    is_table(&student, "item_id", 1001, 4);
    assert_ptr_equal(student.tables[schema_find_table(&student, "brand")].vocab, vocab);
    const struct schema_feature *age = schema_find(&student, "age");
    assert_true(age->edge_count == 2 && age->edges[0] == 0 && age->edges[1] == 1);
    vocab_free(vocab);
    schema_fini(&student);
}

static const struct row_field *field(const struct row_layout *layout, const char *name)
{
    for (size_t i = 0; i < layout->field_count; i++)
        if (span_is(layout->fields[i].name, name))
            return &layout->fields[i];
    fail_msg("there is no field %s", name);
    return NULL;
}

static void what_is_sent(const struct row_layout *layout, const struct vocab *vocab)
{
    // Crosses are made, page features too: neither is sent.
    assert_int_equal(layout->field_count, 9);
    const struct row_field *history = field(layout, "history"), *age = field(layout, "age");
    assert_int_equal(history->scope, ROW_USER);
    assert_int_equal(history->kind, ROW_IDS);
    assert_int_equal(history->size, 5);
    assert_int_equal(history->offset, 4);
    // The codes of a list are those of the table that it shares.
    assert_int_equal(history->coding.buckets, 1000);
    assert_true(history->coding.seed == row_code_seed(span_of("item_id")));
    assert_true(field(layout, "item_id")->coding.seed == history->coding.seed);
    assert_int_equal(age->kind, ROW_DENSE);
    assert_true(age->has_default && isnan(age->fallback)); // missing: row 0
    assert_int_equal(field(layout, "hour")->coding.encode, ROW_IDENTITY);
    assert_int_equal(field(layout, "words")->coding.encode, ROW_VOCAB);
    assert_ptr_equal(field(layout, "words")->coding.vocab, vocab);
    assert_int_equal(field(layout, "price")->size, 2);
    assert_true(field(layout, "price")->has_default && field(layout, "price")->fallback == -1);
    assert_int_equal(field(layout, "dwell")->scope, ROW_LIST_PRIVILEGED);
    assert_int_equal(field(layout, "dwell")->offset, 9);
}

static void the_layout(void **state)
{
    (void)state;
    struct schema schema = load();
    struct vocab *vocab = fit(&schema);
    struct row_field fields[COUNT];
    struct row_cross crosses[COUNT];
    struct row_layout layout;
    schema_layout(&schema, fields, crosses, &layout);
    assert_int_equal(layout.shared_width, 10);
    assert_int_equal(layout.item_width, 9);
    assert_int_equal(layout.feature_count, schema.count);
    for (size_t i = 0; i < layout.field_count; i++)
        assert_true(span_is(fields[i].name, schema.features[fields[i].feature].name));
    what_is_sent(&layout, vocab);

    assert_int_equal(layout.cross_count, 2);
    assert_int_equal(layout.shared_keeps, 2);
    assert_int_equal(layout.item_keeps, 1);
    const struct row_cross *when = &crosses[0], *pair = &crosses[1];
    assert_true(!when->item && !when->a_item && !when->b_item);
    assert_int_equal(when->offset, 2);
    assert_true(pair->item && !pair->a_item && pair->b_item);
    assert_int_equal(pair->offset, 0);
    assert_int_equal(when->a_keep, field(&layout, "hour")->keep);
    assert_int_equal(when->b_keep, field(&layout, "user_id")->keep);
    assert_int_equal(pair->a_keep, field(&layout, "user_id")->keep);
    assert_int_equal(pair->b_keep, field(&layout, "item_id")->keep);
    assert_true(when->a_keep != when->b_keep && when->a_keep < 2 && when->b_keep < 2);
    assert_int_equal(pair->b_keep, 0);
    assert_int_equal(field(&layout, "brand")->keep, ROW_KEEP_NONE);
    assert_int_equal(pair->coding.buckets, 50);
    assert_int_equal(pair->coding.encode, ROW_HASH);
    assert_true(pair->coding.seed == row_code_seed(span_of("pair")));
    vocab_free(vocab);
    schema_fini(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_its_place),
        cmocka_unit_test(names_lead_to_places),
        cmocka_unit_test(tables_have_their_sizes),
        cmocka_unit_test(a_student_keeps_what_serves),
        cmocka_unit_test(the_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
