// Features from YAML and from JSON: one list of keys, one set of rules.
#include "model/schema.h"
#include "model/schema_node.h"
#include "model/schema_plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_MAX_LEN = 50,
    MAX_BUCKETS = 1 << 30,
    MAX_DIM = 1024,
    MAX_QUANTILES = 1 << 16,
    MAX_LIST = 4096,
};

// A key belongs to features of some schema_rules_kinds; elsewhere it would mean nothing and is
// refused.
enum {
    OF_DENSE = 1 << SCHEMA_DENSE,
    OF_ID = 1 << SCHEMA_ID,
    OF_LIST = 1 << SCHEMA_ID_LIST,
    OF_CROSS = 1 << SCHEMA_CROSS,
    OF_ALL = OF_DENSE | OF_ID | OF_LIST | OF_CROSS,
};
static const struct {
    const char *key;
    unsigned kinds;
} key_rules[] = {
    {"name", OF_ALL},
    {"scope", OF_ALL},
    {"kind", OF_ALL},
    {"privileged", OF_ALL},
    {"source", OF_DENSE | OF_ID},
    {"of", OF_DENSE | OF_ID},
    {"size", OF_DENSE},
    {"transform", OF_DENSE},
    {"default", OF_DENSE},
    {"quantiles", OF_DENSE},
    {"columns", OF_DENSE},
    {"mean", OF_DENSE},
    {"scale", OF_DENSE},
    {"dim", OF_ALL},
    {"encode", OF_ID | OF_LIST},
    {"buckets", OF_ID | OF_LIST | OF_CROSS},
    {"min_count", OF_ID | OF_LIST},
    {"table", OF_ID | OF_LIST},
    {"max_len", OF_LIST},
    {"pool", OF_LIST},
    {"target", OF_LIST},
    {"cross", OF_CROSS},
};
enum { KEYS = sizeof key_rules / sizeof key_rules[0] };

static MUST_USE enum status read_keys(const struct schema_node *node, struct diag *reterr)
{
    const char *keys[KEYS + 1] = {NULL};
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = key_rules[i].key;
    return schema_node_keys(node, keys, reterr);
}

static MUST_USE enum status read_kind(const struct schema_node *node,
                                      struct schema_feature *feature, struct diag *reterr)
{
    unsigned kind = 0;
    TRY(schema_node_choice(node, "kind", schema_rules_kinds, &kind, reterr));
    feature->kind = (enum schema_kind)kind;
    for (size_t i = 0; i < KEYS; i++) {
        const char *key = key_rules[i].key;
        struct schema_rules_place place = schema_node_place(node, key);
        if (schema_node_has(node, key) && (key_rules[i].kinds & 1U << kind) == 0)
            return schema_rules_fault(&place, reterr,
                                      "feature \"%s\": %s means nothing for kind %s", node->feature,
                                      key, schema_rules_kinds[kind]);
    }
    return STATUS_OK;
}

// A key that its kind knows, but not with what the others say.
static MUST_USE enum status refuse(const struct schema_node *node, const char *key,
                                   const char *words, struct diag *reterr)
{
    struct schema_rules_place place = schema_node_place(node, key);
    if (!schema_node_has(node, key))
        return STATUS_OK;
    return schema_rules_fault(&place, reterr, "feature \"%s\": %s %s", node->feature, key, words);
}

static MUST_USE enum status read_floats(const struct schema_node *node, const char *key,
                                        const struct schema_feature *feature, float **ret_values,
                                        struct diag *reterr)
{
    const struct json_value *list = node->json == NULL ? NULL : json_value_get(node->json, key);
    bool good = list != NULL && json_value_kind(list) == JSON_VALUE_LIST &&
                json_value_size(list) == feature->size;
    for (uint32_t i = 0; good && i < feature->size; i++) {
        enum json_value_kind kind = json_value_kind(json_value_at(list, i));
        good = kind == JSON_VALUE_REAL || kind == JSON_VALUE_INT;
    }
    if (!good)
        return schema_rules_fault(&node->place, reterr, "feature \"%s\": %s is not %u numbers",
                                  node->feature, key, feature->size);
    float *values = calloc(feature->size, sizeof *values);
    if (values == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %u numbers", feature->size);
    *ret_values = values;
    for (uint32_t i = 0; i < feature->size; i++)
        values[i] = (float)json_value_number(json_value_at(list, i));
    return schema_rules_finite(&node->place, node->feature, key, values, feature->size, reterr);
}

static MUST_USE enum status read_columns(const struct schema_node *node,
                                         struct schema_feature *feature, struct diag *reterr)
{
    const struct json_value *list =
        node->json == NULL ? NULL : json_value_get(node->json, "columns");
    if (list == NULL || json_value_kind(list) != JSON_VALUE_LIST ||
        json_value_size(list) != feature->size)
        return schema_rules_fault(&node->place, reterr,
                                  "feature \"%s\": columns is not a list of %u feature numbers, "
                                  "which only a manifest has",
                                  node->feature, feature->size);
    feature->columns = calloc(feature->size, sizeof *feature->columns);
    if (feature->columns == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %u columns", feature->size);
    for (uint32_t i = 0; i < feature->size; i++) {
        const struct json_value *item = json_value_at(list, i);
        int64_t number = json_value_kind(item) == JSON_VALUE_INT ? json_value_int(item) : 0;
        if (number < 1 || number > UINT32_MAX)
            return schema_rules_fault(&node->place, reterr,
                                      "feature \"%s\": column %u is not a feature number",
                                      node->feature, i);
        feature->columns[i] = (uint32_t)number;
    }
    return STATUS_OK;
}

static MUST_USE enum status read_default(const struct schema_node *node,
                                         struct schema_feature *feature, struct diag *reterr)
{
    double number = 0;
    TRY(schema_node_number(node, "default", &number, reterr));
    struct schema_rules_place place = schema_node_place(node, "default");
    feature->has_default = true;
    return schema_rules_fallback(&place, node->feature, number, &feature->fallback, reterr);
}

static MUST_USE enum status read_dense(const struct schema_node *node,
                                       struct schema_feature *feature, struct diag *reterr)
{
    unsigned transform = SCHEMA_NONE;
    if (schema_node_has(node, "transform"))
        TRY(schema_node_choice(node, "transform", schema_rules_transforms, &transform, reterr));
    feature->transform = (enum schema_transform)transform;
    if (schema_node_has(node, "quantiles"))
        TRY(schema_node_int(node, "quantiles", 2, MAX_QUANTILES, &feature->quantiles, reterr));
    if (schema_node_has(node, "size") ||
        (feature->quantiles == 0 && feature->source == SCHEMA_SENT))
        TRY(schema_node_int(node, "size", 1, SCHEMA_RULES_MAX_WIDTH, &feature->size, reterr));
    if (feature->quantiles > 0)
        TRY(schema_node_int(node, "dim", 1, MAX_DIM, &feature->dim, reterr));
    else
        TRY(refuse(node, "dim", "is of a number with quantiles, or of ids", reterr));
    if (schema_node_has(node, "columns"))
        TRY(read_columns(node, feature, reterr));
    if (schema_node_has(node, "mean") || schema_node_has(node, "scale")) {
        TRY(read_floats(node, "mean", feature, &feature->mean, reterr));
        TRY(read_floats(node, "scale", feature, &feature->scale, reterr));
    }
    return schema_node_has(node, "default") ? read_default(node, feature, reterr) : STATUS_OK;
}

// The table: its own, with what says how large it is, or another feature's.
static MUST_USE enum status read_table(const struct schema_node *node,
                                       struct schema_feature *feature, struct diag *reterr)
{
    static const char *const own[] = {"encode", "buckets", "min_count", "dim"};
    if (schema_node_has(node, "table")) {
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            TRY(refuse(node, own[i], "is that of the owner of its table", reterr));
        return schema_node_name(node, "table", &feature->table_of, reterr);
    }
    unsigned encode = ROW_HASH;
    if (schema_node_has(node, "encode"))
        TRY(schema_node_choice(node, "encode", schema_rules_encodes, &encode, reterr));
    feature->encode = (enum row_encode)encode;
    if (encode != ROW_VOCAB)
        TRY(schema_node_int(node, "buckets", 1, MAX_BUCKETS, &feature->buckets, reterr));
    else
        TRY(refuse(node, "buckets", "are not of a vocabulary", reterr));
    feature->min_count = 1;
    if (encode != ROW_VOCAB)
        TRY(refuse(node, "min_count", "is of a vocabulary", reterr));
    if (schema_node_has(node, "min_count"))
        TRY(schema_node_int(node, "min_count", 1, UINT32_MAX, &feature->min_count, reterr));
    return schema_node_int(node, "dim", 1, MAX_DIM, &feature->dim, reterr);
}

static MUST_USE enum status read_list(const struct schema_node *node,
                                      struct schema_feature *feature, struct diag *reterr)
{
    unsigned pool = SCHEMA_MEAN;
    feature->size = DEFAULT_MAX_LEN;
    if (schema_node_has(node, "max_len"))
        TRY(schema_node_int(node, "max_len", 1, MAX_LIST, &feature->size, reterr));
    if (schema_node_has(node, "pool"))
        TRY(schema_node_choice(node, "pool", schema_rules_pools, &pool, reterr));
    feature->pool = (enum schema_pool)pool;
    if (pool == SCHEMA_DIN)
        TRY(schema_node_name(node, "target", &feature->target_of, reterr));
    else
        TRY(refuse(node, "target", "is of pool din only", reterr));
    return read_table(node, feature, reterr);
}

static MUST_USE enum status read_source(const struct schema_node *node,
                                        struct schema_feature *feature, struct diag *reterr)
{
    unsigned source = SCHEMA_SENT;
    if (schema_node_has(node, "source"))
        TRY(schema_node_choice(node, "source", schema_rules_sources, &source, reterr));
    feature->source = (enum schema_source)source;
    bool named = source == SCHEMA_LOO_MEAN || source == SCHEMA_SHARE;
    if (named)
        return schema_node_name(node, "of", &feature->page_of, reterr);
    return refuse(node, "of", "is for source loo_mean and share", reterr);
}

// The mean of the others has their ids, and their table unless it says how wide one of its own is.
static MUST_USE enum status read_loo_mean(const struct schema_node *node,
                                          struct schema_feature *feature, struct diag *reterr)
{
    static const char *const others[] = {"encode", "buckets", "min_count", "table"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        TRY(refuse(node, others[i], "is that of the id that it is a mean of", reterr));
    return schema_node_has(node, "dim")
               ? schema_node_int(node, "dim", 1, MAX_DIM, &feature->dim, reterr)
               : STATUS_OK;
}

static MUST_USE enum status read_of_kind(const struct schema_node *node,
                                         struct schema_feature *feature, struct diag *reterr)
{
    switch (feature->kind) {
    case SCHEMA_DENSE:
        return read_dense(node, feature, reterr);
    case SCHEMA_ID_LIST:
        return read_list(node, feature, reterr);
    case SCHEMA_CROSS:
        TRY(schema_node_pair(node, "cross", feature->cross_of, reterr));
        TRY(schema_node_int(node, "buckets", 1, MAX_BUCKETS, &feature->buckets, reterr));
        return schema_node_int(node, "dim", 1, MAX_DIM, &feature->dim, reterr);
    case SCHEMA_ID:
        break;
    }
    if (feature->source == SCHEMA_LOO_MEAN)
        return read_loo_mean(node, feature, reterr);
    return read_table(node, feature, reterr);
}

static MUST_USE enum status read_feature(struct schema_node *node, struct schema_feature *feature,
                                         struct diag *reterr)
{
    TRY(read_keys(node, reterr));
    TRY(schema_node_name(node, "name", &feature->name, reterr));
    node->feature = feature->name;
    feature->size = 1;
    unsigned scope = ROW_SCOPES; // a cross may leave it to schema_plan
    TRY(read_kind(node, feature, reterr));
    if (feature->kind != SCHEMA_CROSS || node->json != NULL || schema_node_has(node, "scope"))
        TRY(schema_node_choice(node, "scope", schema_rules_scopes, &scope, reterr));
    feature->scope = (enum row_scope)scope;
    if (schema_node_has(node, "privileged"))
        TRY(schema_node_bool(node, "privileged", &feature->privileged, reterr));
    TRY(read_source(node, feature, reterr));
    return read_of_kind(node, feature, reterr);
}

// Reads one feature and adds it to the schema.
static MUST_USE enum status add_feature(struct schema_node *node, struct schema *schema,
                                        struct diag *reterr)
{
    struct schema_feature feature = {0};
    // What it owns belongs to `feature`, which either is added or dropped.
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
    enum status code = read_feature(node, &feature, reterr);
    if (code == STATUS_OK)
        code = schema_rules_feature(&node->place, schema, &feature, reterr);
    if (code != STATUS_OK) {
        schema_rules_drop(&feature);
        return code;
    }
    return schema_rules_add(schema, &feature, reterr);
}

static MUST_USE enum status yaml_features(const struct yamldoc_node *features, const char *file,
                                          struct schema *schema, struct diag *reterr)
{
    struct schema_rules_place place = {file, features->line, features->column, NULL};
    if (features->kind != YAMLDOC_LIST || features->count == 0)
        return schema_rules_fault(&place, reterr, "features is not a list of at least one feature");
    for (size_t i = 0; i < features->count; i++) {
        const struct yamldoc_node *item = features->items[i];
        struct schema_node node = {
            .yaml = item, .place = {file, item->line, item->column, NULL}, .feature = "?"};
        if (item->kind != YAMLDOC_MAP)
            return schema_rules_fault(&node.place, reterr,
                                      "a feature is a map of name, scope, kind, size, ...");
        TRY(add_feature(&node, schema, reterr));
        struct schema_feature *added = &schema->features[schema->count - 1];
        if (added->source == SCHEMA_PAGE)
            return schema_rules_fault(&node.place, reterr,
                                      "feature \"%s\": source page is made by data.page_context",
                                      added->name);
    }
    return schema_plan(&place, schema, reterr);
}

enum status schema_from_yaml(const struct yamldoc_node *features, const char *file,
                             struct schema *ret_schema, struct diag *reterr)
{
    struct schema schema = {0};
    enum status code = yaml_features(features, file, &schema, reterr);
    if (code == STATUS_OK)
        *ret_schema = schema;
    else
        schema_fini(&schema);
    return code;
}

static MUST_USE enum status json_features(const struct json_value *features, struct schema *schema,
                                          struct diag *reterr)
{
    size_t count = json_value_size(features);
    struct schema_rules_place all = {.path = "manifest.features"};
    if (json_value_kind(features) != JSON_VALUE_LIST || count == 0)
        return schema_rules_fault(&all, reterr, "is not a list of at least one feature");
    unsigned group = 0;
    for (size_t i = 0; i < count; i++) {
        char path[48];
        snprintf(path, sizeof path, "manifest.features[%zu]", i);
        struct schema_node node = {
            .json = json_value_at(features, i), .place = {.path = path}, .feature = "?"};
        if (json_value_kind(node.json) != JSON_VALUE_MAP)
            return schema_rules_fault(&node.place, reterr, "a feature is an object");
        TRY(add_feature(&node, schema, reterr));
        struct schema_feature *added = &schema->features[schema->count - 1];
        if (schema_rules_group(added) < group)
            return schema_rules_fault(
                &node.place, reterr,
                "feature \"%s\" is out of the order user, context, item, privileged", added->name);
        group = schema_rules_group(added);
        if (added->transform == SCHEMA_STANDARDISE && added->mean == NULL)
            return schema_rules_fault(&node.place, reterr,
                                      "feature \"%s\" is standardised without mean and scale",
                                      added->name);
    }
    return schema_plan(&all, schema, reterr);
}

enum status schema_from_json(const struct json_value *features, struct schema *ret_schema,
                             struct diag *reterr)
{
    struct schema schema = {0};
    enum status code = json_features(features, &schema, reterr);
    if (code == STATUS_OK)
        *ret_schema = schema;
    else
        schema_fini(&schema);
    return code;
}
