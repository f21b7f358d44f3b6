#include "model/schema.h"

#include "base/num.h"
#include "model/schema_rules.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void schema_fini(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        schema_rules_drop(&schema->features[i]);
    free(schema->features);
    *schema = (struct schema){0};
}

// Stable: inside a group the order of the file stays.
static void sort_by_group(struct schema *schema)
{
    for (size_t i = 1; i < schema->count; i++) {
        struct schema_feature feature = schema->features[i];
        size_t at = i;
        for (;
             at > 0 && schema_rules_group(&schema->features[at - 1]) > schema_rules_group(&feature);
             at--)
            schema->features[at] = schema->features[at - 1];
        schema->features[at] = feature;
    }
}

const struct schema_feature *schema_find(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->features[i].name, name) == 0)
            return &schema->features[i];
    return NULL;
}

bool schema_has_privileged(const struct schema *schema)
{
    return schema->privileged_width > 0;
}

enum status schema_student(const struct schema *schema, struct schema *ret_student,
                           struct diag *reterr)
{
    struct schema student = {0};
    enum status code = STATUS_OK;
    for (size_t i = 0; i < schema->count && code == STATUS_OK; i++) {
        const struct schema_feature *from = &schema->features[i];
        if (from->privileged)
            continue;
        struct schema_feature feature = *from;
        feature.name = strdup(from->name);
        feature.columns = NULL;
        if (from->columns != NULL) {
            feature.columns = calloc(from->size, sizeof *feature.columns);
            if (feature.columns != NULL)
                memcpy(feature.columns, from->columns, from->size * sizeof *feature.columns);
        }
        if (feature.name == NULL || (from->columns != NULL && feature.columns == NULL)) {
            schema_rules_drop(&feature);
            code = diag_set(reterr, STATUS_NO_MEMORY, "no memory for a feature");
        } else {
            code = schema_rules_add(&student, &feature, reterr);
        }
    }
    if (code == STATUS_OK && student.count == 0)
        code = diag_set(reterr, STATUS_CONFIG,
                        "every feature is privileged: nothing is left to serve");
    if (code != STATUS_OK) {
        schema_fini(&student);
        return code;
    }
    bool fits = schema_rules_place_columns(&student);
    assert(fits); // a part of what fitted
    (void)fits;
    *ret_student = student;
    return STATUS_OK;
}

void schema_layout(const struct schema *schema, struct row_field *fields,
                   struct row_layout *ret_layout)
{
    assert(!schema_has_privileged(schema));
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        fields[i] = (struct row_field){
            .name = span_of(feature->name),
            .scope = feature->scope,
            .kind = feature->kind,
            .size = feature->size,
            .offset = feature->offset,
            .has_default = feature->has_default,
            .fallback = feature->fallback,
        };
    }
    *ret_layout =
        (struct row_layout){fields, schema->count, schema->shared_width, schema->row_width};
}

// YAML.

struct yaml_reader {
    const struct yamldoc_node *map;
    struct schema_rules_place place; // of the feature
    const char *feature;             // its name, for messages
};

static struct schema_rules_place place_of(const struct yaml_reader *reader,
                                          const struct yamldoc_node *node)
{
    return (struct schema_rules_place){reader->place.file, node->line, node->column, NULL};
}

// A scalar. With `quoted_too` false, quotes make it a text, which is not what is wanted.
static MUST_USE enum status yaml_scalar(const struct yaml_reader *reader, const char *key,
                                        bool quoted_too, const struct yamldoc_node **ret_node,
                                        struct diag *reterr)
{
    const struct yamldoc_node *node = yamldoc_get(reader->map, key);
    if (node == NULL)
        return schema_rules_fault(&reader->place, reterr, "feature \"%s\" has no %s",
                                  reader->feature, key);
    struct schema_rules_place place = place_of(reader, node);
    if (node->kind != YAMLDOC_SCALAR || (node->quoted && !quoted_too))
        return schema_rules_fault(&place, reterr, "feature \"%s\": %s is not %s", reader->feature,
                                  key, quoted_too ? "a text" : "a plain value");
    *ret_node = node;
    return STATUS_OK;
}

static MUST_USE enum status yaml_choice(const struct yaml_reader *reader, const char *key,
                                        const char *const *choices, unsigned *ret_index,
                                        struct diag *reterr)
{
    const struct yamldoc_node *node = NULL;
    TRY(yaml_scalar(reader, key, true, &node, reterr));
    struct schema_rules_place place = place_of(reader, node);
    return schema_rules_choice(&place, reader->feature, key, node->text, choices, ret_index,
                               reterr);
}

static MUST_USE enum status yaml_size(const struct yaml_reader *reader, uint32_t *ret_size,
                                      struct diag *reterr)
{
    const struct yamldoc_node *node = NULL;
    TRY(yaml_scalar(reader, "size", false, &node, reterr));
    struct schema_rules_place place = place_of(reader, node);
    int64_t size = 0;
    if (num_parse_i64(node->text, &size) != STATUS_OK)
        return schema_rules_fault(&place, reterr,
                                  "feature \"%s\": size \"%.64s\" is not an integer",
                                  reader->feature, node->text.data);
    TRY(schema_rules_size(&place, reader->feature, size, reterr));
    *ret_size = (uint32_t)size;
    return STATUS_OK;
}

static MUST_USE enum status yaml_privileged(const struct yaml_reader *reader, bool *ret_flag,
                                            struct diag *reterr)
{
    if (yamldoc_get(reader->map, "privileged") == NULL)
        return STATUS_OK;
    const struct yamldoc_node *node = NULL;
    TRY(yaml_scalar(reader, "privileged", false, &node, reterr));
    struct schema_rules_place place = place_of(reader, node);
    if (!span_is(node->text, "true") && !span_is(node->text, "false"))
        return schema_rules_fault(&place, reterr,
                                  "feature \"%s\": privileged is \"%.64s\", not true or false",
                                  reader->feature, node->text.data);
    *ret_flag = span_is(node->text, "true");
    return STATUS_OK;
}

static MUST_USE enum status yaml_default(const struct yaml_reader *reader,
                                         struct schema_feature *feature, struct diag *reterr)
{
    if (yamldoc_get(reader->map, "default") == NULL)
        return STATUS_OK;
    const struct yamldoc_node *node = NULL;
    TRY(yaml_scalar(reader, "default", false, &node, reterr));
    struct schema_rules_place place = place_of(reader, node);
    double number = 0;
    if (num_parse_double(node->text, &number) != STATUS_OK)
        return schema_rules_fault(&place, reterr,
                                  "feature \"%s\": default \"%.64s\" is not a number",
                                  reader->feature, node->text.data);
    feature->has_default = true;
    return schema_rules_fallback(&place, reader->feature, number, &feature->fallback, reterr);
}

static MUST_USE enum status yaml_name(struct yaml_reader *reader, struct schema_feature *feature,
                                      struct diag *reterr)
{
    static const char *const keys[] = {"name",      "scope",      "kind",    "size",
                                       "transform", "privileged", "default", NULL};
    for (size_t i = 0; i < reader->map->count; i++) {
        const struct yamldoc_node *key = reader->map->keys[i];
        struct schema_rules_place place = place_of(reader, key);
        TRY(schema_rules_key(&place, key->text.data, keys, reterr));
    }
    const struct yamldoc_node *node = NULL;
    TRY(yaml_scalar(reader, "name", true, &node, reterr));
    struct schema_rules_place place = place_of(reader, node);
    TRY(schema_rules_name(&place, node->text, reterr));
    feature->name = strdup(node->text.data);
    if (feature->name == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a name");
    reader->feature = feature->name;
    return STATUS_OK;
}

static MUST_USE enum status yaml_feature(struct yaml_reader *reader, const struct schema *before,
                                         struct schema_feature *feature, struct diag *reterr)
{
    TRY(yaml_name(reader, feature, reterr));
    const struct yamldoc_node *kind = NULL;
    TRY(yaml_scalar(reader, "kind", true, &kind, reterr));
    struct schema_rules_place place = place_of(reader, kind);
    TRY(schema_rules_kind(&place, reader->feature, kind->text, reterr));
    feature->kind = ROW_DENSE;
    unsigned scope = 0, transform = SCHEMA_NONE;
    TRY(yaml_choice(reader, "scope", schema_rules_scopes, &scope, reterr));
    if (yamldoc_get(reader->map, "transform") != NULL)
        TRY(yaml_choice(reader, "transform", schema_rules_transforms, &transform, reterr));
    feature->scope = (enum row_scope)scope;
    feature->transform = (enum schema_transform)transform;
    TRY(yaml_size(reader, &feature->size, reterr));
    TRY(yaml_privileged(reader, &feature->privileged, reterr));
    TRY(yaml_default(reader, feature, reterr));
    return schema_rules_feature(&reader->place, before, feature, reterr);
}

static MUST_USE enum status yaml_features(const struct yamldoc_node *features, const char *file,
                                          struct schema *schema, struct diag *reterr)
{
    struct schema_rules_place place = {file, features->line, features->column, NULL};
    if (features->kind != YAMLDOC_LIST || features->count == 0)
        return schema_rules_fault(&place, reterr, "features is not a list of at least one feature");
    for (size_t i = 0; i < features->count; i++) {
        const struct yamldoc_node *item = features->items[i];
        struct yaml_reader reader = {item, {file, item->line, item->column, NULL}, "?"};
        if (item->kind != YAMLDOC_MAP)
            return schema_rules_fault(&reader.place, reterr,
                                      "a feature is a map of name, scope, kind, size, ...");
        struct schema_feature feature = {0};
        // The name belongs to `feature`, which either is added or dropped.
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
        enum status code = yaml_feature(&reader, schema, &feature, reterr);
        if (code != STATUS_OK) {
            schema_rules_drop(&feature);
            return code;
        }
        TRY(schema_rules_add(schema, &feature, reterr));
    }
    sort_by_group(schema);
    if (!schema_rules_place_columns(schema))
        return schema_rules_fault(&place, reterr, "all features together have more than %d columns",
                                  (int)SCHEMA_RULES_MAX_WIDTH);
    if (schema->shared_width + schema->row_width == schema->privileged_width)
        return schema_rules_fault(&place, reterr,
                                  "every feature is privileged: nothing is left to serve");
    return STATUS_OK;
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

// JSON: the manifest's form. Every key stands there but `columns` and `default`.

struct json_reader {
    const struct json_value *map;
    struct schema_rules_place place;
    const char *feature; // its name, for messages
};

static MUST_USE enum status json_member(const struct json_reader *reader, const char *key,
                                        enum json_value_kind kind,
                                        const struct json_value **ret_value, struct diag *reterr)
{
    const struct json_value *value = json_value_get(reader->map, key);
    if (value == NULL || json_value_kind(value) != kind)
        return schema_rules_fault(&reader->place, reterr, "feature \"%s\": %s %s", reader->feature,
                                  key, value == NULL ? "is missing" : "has the wrong type");
    *ret_value = value;
    return STATUS_OK;
}

static MUST_USE enum status json_choice(const struct json_reader *reader, const char *key,
                                        const char *const *choices, unsigned *ret_index,
                                        struct diag *reterr)
{
    const struct json_value *value = NULL;
    TRY(json_member(reader, key, JSON_VALUE_TEXT, &value, reterr));
    return schema_rules_choice(&reader->place, reader->feature, key, json_value_text(value),
                               choices, ret_index, reterr);
}

static MUST_USE enum status json_columns(const struct json_reader *reader,
                                         struct schema_feature *feature, struct diag *reterr)
{
    if (json_value_get(reader->map, "columns") == NULL)
        return STATUS_OK;
    const struct json_value *list = NULL;
    TRY(json_member(reader, "columns", JSON_VALUE_LIST, &list, reterr));
    if (json_value_size(list) != feature->size)
        return schema_rules_fault(&reader->place, reterr,
                                  "feature \"%s\": %zu columns for a size of %u", reader->feature,
                                  json_value_size(list), feature->size);
    feature->columns = calloc(feature->size, sizeof *feature->columns);
    if (feature->columns == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %u columns", feature->size);
    for (uint32_t i = 0; i < feature->size; i++) {
        const struct json_value *item = json_value_at(list, i);
        int64_t number = json_value_kind(item) == JSON_VALUE_INT ? json_value_int(item) : 0;
        if (number < 1 || number > UINT32_MAX)
            return schema_rules_fault(&reader->place, reterr,
                                      "feature \"%s\": column %u is not a feature number",
                                      reader->feature, i);
        feature->columns[i] = (uint32_t)number;
    }
    return STATUS_OK;
}

static MUST_USE enum status json_default(const struct json_reader *reader,
                                         struct schema_feature *feature, struct diag *reterr)
{
    const struct json_value *value = json_value_get(reader->map, "default");
    if (value == NULL)
        return STATUS_OK;
    if (json_value_kind(value) != JSON_VALUE_REAL && json_value_kind(value) != JSON_VALUE_INT)
        return schema_rules_fault(&reader->place, reterr, "feature \"%s\": default is not a number",
                                  reader->feature);
    feature->has_default = true;
    return schema_rules_fallback(&reader->place, reader->feature, json_value_number(value),
                                 &feature->fallback, reterr);
}

static MUST_USE enum status json_name(struct json_reader *reader, struct schema_feature *feature,
                                      struct diag *reterr)
{
    static const char *const keys[] = {"columns", "default", "kind",   "name",      "privileged",
                                       "scope",   "size",    "source", "transform", NULL};
    for (size_t i = 0; i < json_value_size(reader->map); i++)
        TRY(schema_rules_key(&reader->place, json_value_key_at(reader->map, i), keys, reterr));
    const struct json_value *name = NULL;
    TRY(json_member(reader, "name", JSON_VALUE_TEXT, &name, reterr));
    TRY(schema_rules_name(&reader->place, json_value_text(name), reterr));
    feature->name = strdup(json_value_text(name).data);
    if (feature->name == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a name");
    reader->feature = feature->name;
    return STATUS_OK;
}

static MUST_USE enum status json_feature(struct json_reader *reader, const struct schema *before,
                                         struct schema_feature *feature, struct diag *reterr)
{
    TRY(json_name(reader, feature, reterr));
    const struct json_value *kind = NULL, *size = NULL, *privileged = NULL;
    unsigned scope = 0, transform = 0, source = 0;
    TRY(json_member(reader, "kind", JSON_VALUE_TEXT, &kind, reterr));
    TRY(schema_rules_kind(&reader->place, reader->feature, json_value_text(kind), reterr));
    TRY(json_choice(reader, "scope", schema_rules_scopes, &scope, reterr));
    TRY(json_choice(reader, "transform", schema_rules_transforms, &transform, reterr));
    TRY(json_choice(reader, "source", schema_rules_sources, &source, reterr));
    TRY(json_member(reader, "size", JSON_VALUE_INT, &size, reterr));
    TRY(schema_rules_size(&reader->place, reader->feature, json_value_int(size), reterr));
    TRY(json_member(reader, "privileged", JSON_VALUE_BOOL, &privileged, reterr));
    feature->kind = ROW_DENSE;
    feature->scope = (enum row_scope)scope;
    feature->transform = (enum schema_transform)transform;
    feature->source = (enum schema_source)source;
    feature->size = (uint32_t)json_value_int(size);
    feature->privileged = json_value_bool(privileged);
    TRY(json_columns(reader, feature, reterr));
    TRY(json_default(reader, feature, reterr));
    TRY(schema_rules_feature(&reader->place, before, feature, reterr));
    if (before->count > 0 &&
        schema_rules_group(&before->features[before->count - 1]) > schema_rules_group(feature))
        return schema_rules_fault(
            &reader->place, reterr,
            "feature \"%s\" is out of the order user, context, item, privileged", reader->feature);
    return STATUS_OK;
}

static MUST_USE enum status json_features(const struct json_value *features, struct schema *schema,
                                          struct diag *reterr)
{
    size_t count = json_value_size(features);
    if (json_value_kind(features) != JSON_VALUE_LIST || count == 0)
        return diag_at_path(reterr, STATUS_CORRUPT, "manifest.features",
                            "is not a list of at least one feature");
    for (size_t i = 0; i < count; i++) {
        char path[48];
        snprintf(path, sizeof path, "manifest.features[%zu]", i);
        struct json_reader reader = {json_value_at(features, i), {.path = path}, "?"};
        if (json_value_kind(reader.map) != JSON_VALUE_MAP)
            return schema_rules_fault(&reader.place, reterr, "a feature is an object");
        struct schema_feature feature = {0};
        // The name belongs to `feature`, which either is added or dropped.
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
        enum status code = json_feature(&reader, schema, &feature, reterr);
        if (code != STATUS_OK) {
            schema_rules_drop(&feature);
            return code;
        }
        TRY(schema_rules_add(schema, &feature, reterr));
    }
    if (!schema_rules_place_columns(schema))
        return diag_at_path(reterr, STATUS_CORRUPT, "manifest.features",
                            "all together have more than %d columns", (int)SCHEMA_RULES_MAX_WIDTH);
    return STATUS_OK;
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

struct json_value *schema_to_json(const struct schema *schema)
{
    struct json_value *features = json_value_new_list();
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        struct json_value *map = json_value_new_map();
        json_value_set_text(map, "name", feature->name);
        json_value_set_text(map, "scope", schema_rules_scopes[feature->scope]);
        json_value_set_text(map, "kind", "dense");
        json_value_set_int(map, "size", feature->size);
        json_value_set_text(map, "transform", schema_rules_transforms[feature->transform]);
        json_value_set_text(map, "source", schema_rules_sources[feature->source]);
        json_value_set_bool(map, "privileged", feature->privileged);
        if (feature->has_default)
            json_value_set_number(map, "default", (double)feature->fallback);
        struct json_value *columns = feature->columns != NULL ? json_value_new_list() : NULL;
        for (uint32_t c = 0; columns != NULL && c < feature->size; c++)
            json_value_push_int(columns, feature->columns[c]);
        if (feature->columns != NULL)
            json_value_set(map, "columns", columns);
        json_value_push(features, map);
    }
    return features;
}
