// Every kind of feature from YAML, through JSON and back; every rule broken by name. Oracle: design
// 8, by hand.
#include "model/schema.h"

#include "base/buf.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

static enum status from_yaml(const char *yaml, struct schema *schema, struct diag *diag)
{
    struct yamldoc *doc = NULL;
    struct diag inner = {0};
    if (yamldoc_parse(span_of(yaml), "c.yaml", &doc, &inner) != STATUS_OK)
        fail_msg("%s\n is no YAML: %s", yaml, inner.words);
    enum status code = schema_from_yaml(yamldoc_root(doc), "c.yaml", schema, diag);
    yamldoc_free(doc);
    return code;
}

static enum status from_json(const char *json, struct schema *schema, struct diag *diag)
{
    struct json_value *root = NULL;
    assert_int_equal(json_value_parse(span_of(json), &root, NULL), STATUS_OK);
    enum status code = schema_from_json(root, schema, diag);
    json_value_free(root);
    return code;
}

// ---- what is read

static const char every_kind[] =
    "- {name: user_id, scope: user, kind: id, buckets: 100, dim: 4}\n"
    "- {name: history, scope: user, kind: id_list, table: item_id, max_len: 5, pool: din, "
    "target: item_id}\n"
    "- {name: age, scope: user, kind: dense, quantiles: 8, dim: 3}\n"
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 2}\n"
    "- {name: tags, scope: context, kind: id_list, encode: vocab, min_count: 2, dim: 3, pool: "
    "sum}\n"
    "- {name: item_id, scope: item, kind: id, encode: hash, buckets: 1000, dim: 4}\n"
    "- {name: brand, scope: item, kind: id, encode: vocab, dim: 3}\n"
    "- {name: words, scope: item, kind: id_list, table: brand, max_len: 3}\n"
    "- {name: pair, kind: cross, cross: [user_id, item_id], buckets: 50, dim: 2}\n"
    "- {name: price, scope: item, kind: dense, size: 2, transform: log1p, default: -1}\n"
    "- {name: others, scope: item, kind: id, source: loo_mean, of: item_id, privileged: true}\n"
    "- {name: brands, scope: item, kind: id, source: loo_mean, of: brand, dim: 5, privileged: "
    "true}\n"
    "- {name: share, scope: item, kind: dense, source: share, of: item_id, privileged: true}\n"
    "- {name: items, scope: item, kind: dense, source: page_size, transform: log1p, privileged: "
    "true}\n"
    "- {name: place, scope: item, kind: id, source: position, encode: identity, buckets: 10, dim: "
    "2, privileged: true}\n"
    "- {name: rank, scope: item, kind: dense, source: position, privileged: true}\n"
    "- {name: seen, scope: context, kind: id_list, buckets: 7, dim: 2, max_len: 2, privileged: "
    "true}\n";

static const struct schema_feature *get(const struct schema *schema, const char *name)
{
    const struct schema_feature *feature = schema_find(schema, name);
    if (feature == NULL)
        fail_msg("there is no feature %s", name);
    return feature;
}

static void is_ids(const struct schema_feature *f, enum schema_kind kind, enum row_scope scope,
                   uint32_t size, uint32_t dim)
{
    if (f->kind != kind || f->scope != scope || f->size != size || f->width != dim)
        fail_msg("%s: kind %d, scope %d, size %u, dim %u", f->name, (int)f->kind, (int)f->scope,
                 f->size, f->width);
}

static void check_ids(const struct schema *schema)
{
    is_ids(get(schema, "user_id"), SCHEMA_ID, ROW_USER, 1, 4);
    assert_int_equal(get(schema, "user_id")->encode, ROW_HASH); // the default
    assert_int_equal(get(schema, "user_id")->buckets, 100);
    is_ids(get(schema, "hour"), SCHEMA_ID, ROW_CONTEXT, 1, 2);
    assert_int_equal(get(schema, "hour")->encode, ROW_IDENTITY);
    is_ids(get(schema, "brand"), SCHEMA_ID, ROW_ITEM, 1, 3);
    assert_int_equal(get(schema, "brand")->encode, ROW_VOCAB);
    assert_int_equal(get(schema, "brand")->min_count, 1);
    is_ids(get(schema, "history"), SCHEMA_ID_LIST, ROW_USER, 5, 4);
    assert_int_equal(get(schema, "history")->pool, SCHEMA_DIN);
    assert_string_equal(get(schema, "history")->target_of, "item_id");
    is_ids(get(schema, "tags"), SCHEMA_ID_LIST, ROW_CONTEXT, 50, 3); // 50: the default
    assert_int_equal(get(schema, "tags")->pool, SCHEMA_SUM);
    assert_int_equal(get(schema, "tags")->min_count, 2);
    is_ids(get(schema, "words"), SCHEMA_ID_LIST, ROW_ITEM, 3, 3);
    assert_int_equal(get(schema, "words")->pool, SCHEMA_MEAN); // the default
    is_ids(get(schema, "pair"), SCHEMA_CROSS, ROW_ITEM, 1, 2);
    assert_string_equal(get(schema, "pair")->cross_of[1], "item_id");
    is_ids(get(schema, "seen"), SCHEMA_ID_LIST, ROW_CONTEXT, 2, 2);
}

static void check_page(const struct schema *schema)
{
    is_ids(get(schema, "others"), SCHEMA_ID, ROW_ITEM, 1, 4); // that of item_id
    assert_int_equal(get(schema, "others")->source, SCHEMA_LOO_MEAN);
    assert_int_equal(get(schema, "others")->table, get(schema, "item_id")->table);
    is_ids(get(schema, "brands"), SCHEMA_ID, ROW_ITEM, 1, 5); // its own
    assert_int_not_equal(get(schema, "brands")->table, get(schema, "brand")->table);
    assert_int_equal(get(schema, "share")->source, SCHEMA_SHARE);
    assert_int_equal(get(schema, "share")->size, 1);
    assert_int_equal(get(schema, "items")->source, SCHEMA_PAGE_SIZE);
    assert_int_equal(get(schema, "items")->transform, SCHEMA_LOG1P);
    is_ids(get(schema, "place"), SCHEMA_ID, ROW_ITEM, 1, 2);
    assert_int_equal(get(schema, "place")->source, SCHEMA_POSITION);
    assert_int_equal(get(schema, "rank")->source, SCHEMA_POSITION);
    assert_int_equal(get(schema, "rank")->table, SCHEMA_NO_TABLE);
}

static void check_numbers(const struct schema *schema)
{
    const struct schema_feature *age = get(schema, "age"), *price = get(schema, "price");
    assert_int_equal(age->quantiles, 8);
    assert_int_equal(age->width, 3);
    assert_int_equal(age->size, 1);
    assert_int_equal(age->width, 3);
    assert_true(price->has_default && price->fallback == -1);
    assert_int_equal(price->table, SCHEMA_NO_TABLE);
    assert_int_equal(price->width, 2);
}

static void every_kind_is_read(void **state)
{
    (void)state;
    struct schema schema;
    struct diag diag = {0};
    if (from_yaml(every_kind, &schema, &diag) != STATUS_OK)
        fail_msg("%u:%u: %s", diag.line, diag.column, diag.words);
    assert_int_equal(schema.count, 17);
    check_ids(&schema);
    check_page(&schema);
    check_numbers(&schema);
    schema_fini(&schema);
}

static void to_text(const struct schema *schema, struct buf *text)
{
    struct json_value *json = schema_to_json(schema);
    buf_init(text, 1 << 16);
    assert_int_equal(json_value_write(json, 0, text), STATUS_OK);
    json_value_free(json);
}

static void every_kind_goes_through_json(void **state)
{
    (void)state;
    struct schema schema, again;
    struct buf first, second;
    struct diag diag = {0};
    assert_int_equal(from_yaml(every_kind, &schema, NULL), STATUS_OK);
    to_text(&schema, &first);
    if (from_json(first.data, &again, &diag) != STATUS_OK)
        fail_msg("%s: %s", diag.path, diag.words);
    check_ids(&again);
    check_page(&again);
    check_numbers(&again);
    assert_int_equal(again.count, schema.count);
    assert_int_equal(again.table_count, schema.table_count);
    assert_int_equal(again.shared_width, schema.shared_width);
    assert_int_equal(again.row_width, schema.row_width);
    assert_int_equal(again.shared_cells, schema.shared_cells);
    assert_int_equal(again.row_cells, schema.row_cells);
    for (size_t i = 0; i < schema.count; i++) {
        assert_string_equal(again.features[i].name, schema.features[i].name);
        assert_int_equal(again.features[i].table, schema.features[i].table);
        assert_int_equal(again.features[i].column, schema.features[i].column);
        assert_int_equal(again.features[i].offset, schema.features[i].offset);
    }
    to_text(&again, &second);
    assert_string_equal(first.data, second.data);
    buf_fini(&first);
    buf_fini(&second);
    schema_fini(&schema);
    schema_fini(&again);
}

// ---- what is refused

struct refusal {
    const char *more; // lines behind `base`
    const char *words;
    unsigned line, column; // line 0: of the whole list
};

enum { NEXT = 7 }; // the first line of `more`
static const char base[] =
    "- {name: u, scope: user, kind: id, buckets: 9, dim: 4}\n"
    "- {name: i, scope: item, kind: id, buckets: 9, dim: 4}\n"
    "- {name: v, scope: item, kind: id, buckets: 9, dim: 4}\n"
    "- {name: p, scope: item, kind: id, buckets: 9, dim: 4, privileged: true}\n"
    "- {name: h, scope: context, kind: id_list, buckets: 9, dim: 4}\n"
    "- {name: d, scope: item, kind: dense, size: 1}\n";

static void refuses(const struct refusal *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct refusal *want = &cases[i];
        struct schema schema;
        struct diag diag = {0};
        char yaml[2000];
        snprintf(yaml, sizeof yaml, "%s%s\n", base, want->more);
        enum status code = from_yaml(yaml, &schema, &diag);
        unsigned line = want->line == 0 ? 1 : want->line, column = want->line ? want->column : 1;
        if (code != STATUS_CONFIG || strstr(diag.words, want->words) == NULL || diag.line != line ||
            diag.column != column || strcmp(diag.file, "c.yaml") != 0)
            fail_msg("%s\n wanted %u:%u: %s\n gave %s %s:%u:%u: %s", want->more, line, column,
                     want->words, status_label(code), diag.file, diag.line, diag.column,
                     diag.words);
    }
}

static void keys_that_mean_nothing(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"- name: x\n  size: 2\n  kind: id\n  scope: item", "\"x\": size means nothing for kind id",
         NEXT + 1, 9},
        {"- name: x\n  max_len: 2\n  kind: id\n  scope: item", "max_len means nothing for kind id",
         NEXT + 1, 12},
        {"- name: x\n  pool: sum\n  kind: id\n  scope: item", "pool means nothing for kind id",
         NEXT + 1, 9},
        {"- name: x\n  target: i\n  kind: id\n  scope: item", "target means nothing for kind id",
         NEXT + 1, 11},
        {"- name: x\n  transform: none\n  kind: id\n  scope: item",
         "transform means nothing for kind id", NEXT + 1, 14},
        {"- name: x\n  default: 0\n  kind: id\n  scope: item", "default means nothing for kind id",
         NEXT + 1, 12},
        {"- name: x\n  quantiles: 9\n  kind: id\n  scope: item",
         "quantiles means nothing for kind id", NEXT + 1, 14},
        {"- name: x\n  cross: [u, i]\n  kind: id\n  scope: item", "cross means nothing for kind id",
         NEXT + 1, 10},
        {"- name: x\n  table: i\n  kind: dense\n  scope: item",
         "table means nothing for kind dense", NEXT + 1, 10},
        {"- name: x\n  buckets: 9\n  kind: dense\n  scope: item",
         "buckets means nothing for kind dense", NEXT + 1, 12},
        {"- name: x\n  encode: hash\n  kind: cross\n  scope: item",
         "encode means nothing for kind cross", NEXT + 1, 11},
        {"- name: x\n  table: i\n  kind: cross\n  scope: item",
         "table means nothing for kind cross", NEXT + 1, 10},
        {"- name: x\n  source: sent\n  kind: id_list\n  scope: item",
         "source means nothing for kind id_list", NEXT + 1, 11},
        {"- name: x\n  of: i\n  kind: id_list\n  scope: item", "of means nothing for kind id_list",
         NEXT + 1, 7},
        {"- name: x\n  buckts: 3\n  kind: id\n  scope: item",
         "unknown key \"buckts\" of a feature (did you mean \"buckets\"?)", NEXT + 1, 3},
        {"- name: x\n  kind: ids\n  scope: item", "kind \"ids\" is not one of", NEXT + 1, 9},
    };
    refuses(cases, sizeof cases / sizeof cases[0]);
}

static void numbers_of_tables(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"- {name: x, scope: item, kind: id, dim: 4}", "\"x\" has no buckets", NEXT, 3},
        {"- {name: x, scope: item, kind: id, buckets: 4}", "\"x\" has no dim", NEXT, 3},
        {"- name: x\n  kind: id\n  scope: item\n  buckets: 0\n  dim: 4", "buckets 0 is not in",
         NEXT + 3, 12},
        {"- name: x\n  kind: id\n  scope: item\n  buckets: 9\n  dim: 0", "dim 0 is not in",
         NEXT + 4, 8},
        {"- name: x\n  kind: id\n  scope: item\n  buckets: 9\n  dim: 1025", "dim 1025 is not in",
         NEXT + 4, 8},
        {"- name: x\n  kind: id\n  scope: item\n  buckets: 9\n  dim: 4\n  min_count: 2",
         "\"x\": min_count is of a vocabulary", NEXT + 5, 14},
        {"- name: x\n  kind: id\n  scope: item\n  encode: vocab\n  dim: 4\n  buckets: 2",
         "\"x\": buckets are not of a vocabulary", NEXT + 5, 12},
        {"- name: x\n  kind: id\n  scope: item\n  encode: vocab\n  dim: 4\n  min_count: 0",
         "min_count 0 is not in", NEXT + 5, 14},
        {"- name: x\n  kind: id\n  scope: item\n  encode: words\n  dim: 4",
         "encode \"words\" is not one of hash, identity, vocab", NEXT + 3, 11},
        {"- name: x\n  kind: id_list\n  scope: item\n  table: i\n  max_len: 0",
         "max_len 0 is not in", NEXT + 4, 12},
        {"- name: x\n  kind: id_list\n  scope: item\n  table: i\n  pool: max",
         "pool \"max\" is not one of sum, mean, din", NEXT + 4, 9},
        {"- name: x\n  kind: id\n  scope: item\n  table: i\n  dim: 4",
         "\"x\": dim is that of the owner of its table", NEXT + 4, 8},
        {"- name: x\n  kind: id\n  scope: item\n  table: i\n  buckets: 4",
         "buckets is that of the owner", NEXT + 4, 12},
        {"- name: x\n  kind: id\n  scope: item\n  table: i\n  encode: hash",
         "encode is that of the owner", NEXT + 4, 11},
        {"- {name: x, scope: item, kind: dense, quantiles: 4}", "\"x\" has no dim", NEXT, 3},
        {"- name: x\n  kind: dense\n  scope: item\n  dim: 4\n  quantiles: 1",
         "quantiles 1 is not in", NEXT + 4, 14},
        {"- name: x\n  kind: dense\n  scope: item\n  size: 2\n  dim: 4",
         "\"x\": dim is of a number with quantiles", NEXT + 4, 8},
        {"- {name: x, scope: item, kind: dense, size: 2, quantiles: 9, dim: 4}",
         "\"x\": quantiles are of one number", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, quantiles: 9, dim: 4, transform: log1p}",
         "\"x\": quantiles are of one number, untransformed", NEXT, 3},
        {"- {name: i, scope: item, kind: id, buckets: 9, dim: 4}", "\"i\" is there twice", NEXT, 3},
        {"- {name: x, scope: user, kind: id, buckets: 9, dim: 4, privileged: true}",
         "\"x\": a feature of scope user cannot be privileged", NEXT, 3},
        {"- {name: x, scope: user, kind: id_list, table: i, privileged: true}",
         "\"x\": a feature of scope user cannot be privileged", NEXT, 3},
    };
    refuses(cases, sizeof cases / sizeof cases[0]);
}

static void names_of_others(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"- {name: x, scope: item, kind: id, table: nix}", "\"x\": table \"nix\" is no feature", 0,
         0},
        {"- {name: x, scope: item, kind: id, table: d}", "\"d\" has no table of ids", 0, 0},
        {"- {name: x, scope: item, kind: id, table: x}", "\"x\" has no table of ids", 0, 0},
        {"- {name: x, scope: item, kind: id, table: y}\n"
         "- {name: y, scope: item, kind: id, table: i}",
         "\"x\": \"y\" has no table of ids of its own", 0, 0},
        {"- {name: x, scope: item, kind: id, table: q}\n"
         "- {name: q, scope: item, kind: dense, quantiles: 4, dim: 2}",
         "\"x\": \"q\" has no table of ids", 0, 0},
        {"- {name: x, scope: item, kind: id, table: p}",
         "\"x\": table \"p\" is privileged, so this must be too", 0, 0},
        {"- {name: x, scope: user, kind: id_list, table: i, pool: din}", "\"x\" has no target",
         NEXT, 3},
        {"- {name: x, scope: user, kind: id_list, table: i, pool: din, target: nix}",
         "\"x\": target \"nix\" is no feature", 0, 0},
        {"- {name: x, scope: user, kind: id_list, table: i, pool: din, target: v}",
         "\"x\" and its target \"v\" do not share a table", 0, 0},
        {"- {name: x, scope: user, kind: id_list, buckets: 9, dim: 4, pool: din, target: i}",
         "\"x\" and its target \"i\" do not share a table", 0, 0},
        {"- {name: x, scope: user, kind: id_list, table: u, pool: din, target: u}",
         "\"x\": target \"u\" is no id of scope item that is sent", 0, 0},
        {"- {name: x, scope: user, kind: id_list, table: i, pool: din, target: h}",
         "\"x\": target \"h\" is no id of scope item that is sent", 0, 0},
        {"- {name: x, scope: user, kind: id_list, table: i, pool: din, target: p}",
         "\"x\": target \"p\" is privileged", 0, 0},
        {"- {name: x, scope: item, kind: id_list, table: i, pool: din, target: i}",
         "\"x\": pool din is of a list that is sent once", 0, 0},
        {"- {name: x, scope: context, kind: id_list, table: i, pool: din, target: i, privileged: "
         "true}",
         "\"x\": pool din is of a list that is sent once", 0, 0},
        {"- name: x\n  kind: id_list\n  scope: user\n  table: i\n  target: i",
         "\"x\": target is of pool din only", NEXT + 4, 11},
    };
    refuses(cases, sizeof cases / sizeof cases[0]);
}

static void crosses(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"- {name: x, kind: cross, buckets: 9, dim: 4}", "\"x\" has no cross", NEXT, 3},
        {"- {name: x, kind: cross, cross: [u, i], dim: 4}", "\"x\" has no buckets", NEXT, 3},
        {"- {name: x, kind: cross, cross: [u, i], buckets: 4}", "\"x\" has no dim", NEXT, 3},
        {"- name: x\n  kind: cross\n  cross: [u]", "\"x\": cross is not a list of two names",
         NEXT + 2, 10},
        {"- name: x\n  kind: cross\n  cross: [u, i, v]", "cross is not a list of two names",
         NEXT + 2, 10},
        {"- name: x\n  kind: cross\n  cross: u", "cross is not a list of two names", NEXT + 2, 10},
        {"- {name: x, kind: cross, cross: [u, nix], buckets: 9, dim: 4}",
         "\"x\": cross \"nix\" is no feature", 0, 0},
        {"- {name: x, kind: cross, cross: [h, i], buckets: 9, dim: 4}",
         "\"x\": cross \"h\" is no id that is sent", 0, 0},
        {"- {name: x, kind: cross, cross: [u, d], buckets: 9, dim: 4}",
         "\"x\": cross \"d\" is no id that is sent", 0, 0},
        {"- {name: x, kind: cross, cross: [u, x], buckets: 9, dim: 4}",
         "\"x\": cross \"x\" is no id that is sent", 0, 0},
        {"- {name: x, kind: cross, cross: [u, p], buckets: 9, dim: 4}",
         "\"x\": cross \"p\" is privileged, so this must be too", 0, 0},
        {"- {name: x, kind: cross, scope: user, cross: [u, i], buckets: 9, dim: 4}",
         "\"x\": its scope is the narrower of the two, item", 0, 0},
        {"- {name: x, kind: cross, scope: item, cross: [u, u], buckets: 9, dim: 4}",
         "\"x\": its scope is the narrower of the two, user", 0, 0},
        {"- {name: x, kind: cross, cross: [u, u], buckets: 9, dim: 4, privileged: true}",
         "\"x\": a feature of scope user cannot be privileged", 0, 0},
        {"- {name: y, kind: cross, cross: [u, i], buckets: 9, dim: 4}\n"
         "- {name: x, kind: cross, cross: [y, i], buckets: 9, dim: 4}",
         "\"x\": cross \"y\" is no id that is sent", 0, 0},
    };
    refuses(cases, sizeof cases / sizeof cases[0]);
}

static void made_of_the_page(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"- {name: x, scope: item, kind: id, source: loo_mean, of: i}",
         "\"x\" is made from the page, so it must be privileged", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: share, of: i}", "must be privileged", NEXT,
         3},
        {"- {name: x, scope: item, kind: dense, source: page_size}", "must be privileged", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: position}", "must be privileged", NEXT, 3},
        {"- {name: x, scope: context, kind: dense, source: page_size, privileged: true}",
         "must be privileged, of scope item", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: loo_mean, of: i, privileged: true}",
         "\"x\": source loo_mean is of kind id", NEXT, 3},
        {"- {name: x, scope: item, kind: id, source: share, of: i, privileged: true, buckets: 9, "
         "dim: 2}",
         "\"x\": source share is of kind dense", NEXT, 3},
        {"- {name: x, scope: item, kind: id, source: loo_mean, privileged: true}",
         "\"x\" has no of", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: share, privileged: true}",
         "\"x\" has no of", NEXT, 3},
        {"- name: x\n  kind: dense\n  scope: item\n  privileged: true\n  source: page_size\n"
         "  of: i",
         "\"x\": of is for source loo_mean and share", NEXT + 5, 7},
        {"- name: x\n  kind: dense\n  scope: item\n  size: 1\n  of: i",
         "\"x\": of is for source loo_mean and share", NEXT + 4, 7},
        {"- {name: x, scope: item, kind: id, source: loo_mean, of: nix, privileged: true}",
         "\"x\": of \"nix\" is no feature", 0, 0},
        {"- {name: x, scope: item, kind: id, source: loo_mean, of: u, privileged: true}",
         "\"x\": of \"u\" is no id of scope item that is sent", 0, 0},
        {"- {name: x, scope: item, kind: dense, source: share, of: d, privileged: true}",
         "\"x\": of \"d\" is no id of scope item that is sent", 0, 0},
        {"- name: x\n  kind: id\n  scope: item\n  privileged: true\n  source: loo_mean\n  of: i\n"
         "  table: v",
         "\"x\": table is that of the id that it is a mean of", NEXT + 6, 10},
        {"- name: x\n  kind: id\n  scope: item\n  privileged: true\n  source: loo_mean\n  of: i\n"
         "  buckets: 7",
         "\"x\": buckets is that of the id that it is a mean of", NEXT + 6, 12},
        {"- {name: x, scope: item, kind: id, source: position, buckets: 9, dim: 2, privileged: "
         "true}",
         "\"x\": a position is an id of encode identity", NEXT, 3},
        {"- {name: x, scope: item, kind: id, source: position, table: i, privileged: true}",
         "\"x\": a position is an id of encode identity", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: page_size, size: 2, privileged: true}",
         "\"x\" is one number made from the page", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: share, of: i, quantiles: 4, dim: 2, "
         "privileged: true}",
         "\"x\" is one number made from the page, without quantiles", NEXT, 3},
        {"- {name: x, scope: item, kind: dense, source: position, transform: standardise, "
         "privileged: true}",
         "\"x\" is one number made from the page, without quantiles, standardise or default", NEXT,
         3},
        {"- {name: x, scope: item, kind: dense, size: 3, source: page, privileged: true}",
         "\"x\": source page is made by data.page_context", NEXT, 3},
    };
    refuses(cases, sizeof cases / sizeof cases[0]);
}

// A manifest is foreign: what the rules say of YAML holds for it, and what is fitted must be there.
static void manifests(void **state)
{
    (void)state;
#define F(more) "{\"name\":\"f\",\"scope\":\"item\",\"kind\":\"dense\",\"size\":2" more "}"
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"[" F(",\"transform\":\"standardise\"") "]", "is standardised without mean and scale"},
        {"[" F(",\"transform\":\"standardise\",\"mean\":[1,2]") "]", "scale is not 2 numbers"},
        {"[" F(",\"transform\":\"standardise\",\"scale\":[1,2]") "]", "mean is not 2 numbers"},
        {"[" F(",\"transform\":\"standardise\",\"mean\":[1],\"scale\":[1,2]") "]",
         "mean is not 2 numbers"},
        {"[" F(",\"transform\":\"standardise\",\"mean\":[1,2],\"scale\":[1,1e300]") "]",
         "scale 1 is not finite"},
        {"[" F(",\"dim\":2") "]", "dim is of a number with quantiles"},
        {"[{\"name\":\"f\",\"scope\":\"item\",\"kind\":\"id\",\"buckets\":9.5,\"dim\":2}]",
         "buckets is not an integer"},
        {"[{\"name\":\"f\",\"scope\":\"item\",\"kind\":\"id\",\"buckets\":9,\"dim\":2,"
         "\"privileged\":0}]",
         "privileged is not true or false"},
        {"[{\"name\":\"f\",\"scope\":\"item\",\"kind\":\"id_list\",\"table\":\"g\"}]",
         "table \"g\" is no feature"},
        {"[" F() ",{\"name\":\"x\",\"kind\":\"cross\",\"cross\":[\"f\",\"f\"],\"buckets\":3,"
                 "\"scope\":\"item\",\"dim\":2}]",
         "cross \"f\" is no id that is sent"},
        {"[" F() ",{\"name\":\"x\",\"kind\":\"cross\",\"cross\":[\"f\",7],\"buckets\":3,"
                 "\"scope\":\"item\",\"dim\":2}]",
         "cross is not a list of two names"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct schema schema;
        struct diag diag = {0};
        enum status code = from_json(cases[i].json, &schema, &diag);
        if (code != STATUS_CORRUPT || strstr(diag.words, cases[i].words) == NULL ||
            strncmp(diag.path, "manifest.features", 17) != 0)
            fail_msg("%s\n gave %s %s: %s", cases[i].json, status_label(code), diag.path,
                     diag.words);
    }
#undef F
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),     cmocka_unit_test(every_kind_goes_through_json),
        cmocka_unit_test(keys_that_mean_nothing), cmocka_unit_test(numbers_of_tables),
        cmocka_unit_test(names_of_others),        cmocka_unit_test(crosses),
        cmocka_unit_test(made_of_the_page),       cmocka_unit_test(manifests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
