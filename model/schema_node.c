#include "model/schema_node.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct yamldoc_node *yaml_value(const struct schema_node *node, const char *key)
{
    return node->yaml == NULL ? NULL : yamldoc_get(node->yaml, key);
}

static const struct json_value *json_value_of(const struct schema_node *node, const char *key)
{
    return node->json == NULL ? NULL : json_value_get(node->json, key);
}

bool schema_node_has(const struct schema_node *node, const char *key)
{
    return yaml_value(node, key) != NULL || json_value_of(node, key) != NULL;
}

struct schema_rules_place schema_node_place(const struct schema_node *node, const char *key)
{
    struct schema_rules_place place = node->place;
    const struct yamldoc_node *value = yaml_value(node, key);
    if (value != NULL) {
        place.line = value->line;
        place.column = value->column;
    }
    return place;
}

enum status schema_node_keys(const struct schema_node *node, const char *const *keys,
                             struct diag *reterr)
{
    for (size_t i = 0; node->yaml != NULL && i < node->yaml->count; i++) {
        const struct yamldoc_node *key = node->yaml->keys[i];
        struct schema_rules_place place = {node->place.file, key->line, key->column, NULL};
        TRY(schema_rules_key(&place, key->text.data, keys, reterr));
    }
    for (size_t i = 0; node->json != NULL && i < json_value_size(node->json); i++)
        TRY(schema_rules_key(&node->place, json_value_key_at(node->json, i), keys, reterr));
    return STATUS_OK;
}

static MUST_USE enum status no_value(const struct schema_node *node, const char *key,
                                     struct diag *reterr)
{
    return schema_rules_fault(&node->place, reterr, "feature \"%s\" has no %s", node->feature, key);
}

static MUST_USE enum status wrong_value(const struct schema_node *node, const char *key,
                                        const char *wanted, struct diag *reterr)
{
    struct schema_rules_place place = schema_node_place(node, key);
    return schema_rules_fault(&place, reterr, "feature \"%s\": %s is not %s", node->feature, key,
                              wanted);
}

// A scalar of YAML; with `quoted_too` false, quotes make it a text, which is not what is wanted.
static MUST_USE enum status yaml_scalar(const struct schema_node *node, const char *key,
                                        bool quoted_too, const struct yamldoc_node **ret_value,
                                        struct diag *reterr)
{
    const struct yamldoc_node *value = yaml_value(node, key);
    if (value->kind != YAMLDOC_SCALAR || (value->quoted && !quoted_too))
        return wrong_value(node, key, quoted_too ? "a text" : "a plain value", reterr);
    *ret_value = value;
    return STATUS_OK;
}

enum status schema_node_text(const struct schema_node *node, const char *key, struct span *ret_text,
                             struct diag *reterr)
{
    if (!schema_node_has(node, key))
        return no_value(node, key, reterr);
    const struct json_value *json = json_value_of(node, key);
    if (json != NULL) {
        if (json_value_kind(json) != JSON_VALUE_TEXT)
            return wrong_value(node, key, "a text", reterr);
        *ret_text = json_value_text(json);
        return STATUS_OK;
    }
    const struct yamldoc_node *value = NULL;
    TRY(yaml_scalar(node, key, true, &value, reterr));
    *ret_text = value->text;
    return STATUS_OK;
}

enum status schema_node_choice(const struct schema_node *node, const char *key,
                               const char *const *choices, unsigned *ret_index, struct diag *reterr)
{
    struct span text;
    TRY(schema_node_text(node, key, &text, reterr));
    struct schema_rules_place place = schema_node_place(node, key);
    return schema_rules_choice(&place, node->feature, key, text, choices, ret_index, reterr);
}

enum status schema_node_int(const struct schema_node *node, const char *key, int64_t min,
                            int64_t max, uint32_t *ret_number, struct diag *reterr)
{
    int64_t number = 0;
    if (!schema_node_has(node, key))
        return no_value(node, key, reterr);
    const struct json_value *json = json_value_of(node, key);
    struct schema_rules_place place = schema_node_place(node, key);
    if (json != NULL) {
        if (json_value_kind(json) != JSON_VALUE_INT)
            return wrong_value(node, key, "an integer", reterr);
        number = json_value_int(json);
    } else {
        const struct yamldoc_node *value = NULL;
        TRY(yaml_scalar(node, key, false, &value, reterr));
        if (num_parse_i64(value->text, &number) != STATUS_OK)
            return schema_rules_fault(&place, reterr,
                                      "feature \"%s\": %s \"%.64s\" is not an integer",
                                      node->feature, key, value->text.data);
    }
    if (number < min || number > max)
        return schema_rules_fault(&place, reterr,
                                  "feature \"%s\": %s %" PRId64 " is not in %" PRId64 "..%" PRId64,
                                  node->feature, key, number, min, max);
    *ret_number = (uint32_t)number;
    return STATUS_OK;
}

enum status schema_node_number(const struct schema_node *node, const char *key, double *ret_number,
                               struct diag *reterr)
{
    if (!schema_node_has(node, key))
        return no_value(node, key, reterr);
    const struct json_value *json = json_value_of(node, key);
    if (json != NULL) {
        if (json_value_kind(json) != JSON_VALUE_REAL && json_value_kind(json) != JSON_VALUE_INT)
            return wrong_value(node, key, "a number", reterr);
        *ret_number = json_value_number(json);
        return STATUS_OK;
    }
    const struct yamldoc_node *value = NULL;
    TRY(yaml_scalar(node, key, false, &value, reterr));
    struct schema_rules_place place = schema_node_place(node, key);
    if (num_parse_double(value->text, ret_number) != STATUS_OK)
        return schema_rules_fault(&place, reterr, "feature \"%s\": %s \"%.64s\" is not a number",
                                  node->feature, key, value->text.data);
    return STATUS_OK;
}

enum status schema_node_bool(const struct schema_node *node, const char *key, bool *ret_flag,
                             struct diag *reterr)
{
    if (!schema_node_has(node, key))
        return no_value(node, key, reterr);
    const struct json_value *json = json_value_of(node, key);
    if (json != NULL) {
        if (json_value_kind(json) != JSON_VALUE_BOOL)
            return wrong_value(node, key, "true or false", reterr);
        *ret_flag = json_value_bool(json);
        return STATUS_OK;
    }
    const struct yamldoc_node *value = NULL;
    TRY(yaml_scalar(node, key, false, &value, reterr));
    struct schema_rules_place place = schema_node_place(node, key);
    if (!span_is(value->text, "true") && !span_is(value->text, "false"))
        return schema_rules_fault(&place, reterr,
                                  "feature \"%s\": %s is \"%.64s\", not true or false",
                                  node->feature, key, value->text.data);
    *ret_flag = span_is(value->text, "true");
    return STATUS_OK;
}

static MUST_USE enum status copy_name(const struct schema_rules_place *place, struct span text,
                                      char **ret_name, struct diag *reterr)
{
    TRY(schema_rules_name(place, text, reterr));
    *ret_name = strdup(text.data);
    return *ret_name != NULL ? STATUS_OK
                             : diag_set(reterr, STATUS_NO_MEMORY, "no memory for a name");
}

enum status schema_node_name(const struct schema_node *node, const char *key, char **ret_name,
                             struct diag *reterr)
{
    struct span text;
    TRY(schema_node_text(node, key, &text, reterr));
    struct schema_rules_place place = schema_node_place(node, key);
    return copy_name(&place, text, ret_name, reterr);
}

enum status schema_node_pair(const struct schema_node *node, const char *key, char *ret_names[2],
                             struct diag *reterr)
{
    const struct yamldoc_node *yaml = yaml_value(node, key);
    const struct json_value *json = json_value_of(node, key);
    struct schema_rules_place place = schema_node_place(node, key);
    if (yaml == NULL && json == NULL)
        return no_value(node, key, reterr);
    bool pair = yaml != NULL
                    ? yaml->kind == YAMLDOC_LIST && yaml->count == 2
                    : json_value_kind(json) == JSON_VALUE_LIST && json_value_size(json) == 2;
    for (size_t i = 0; pair && i < 2; i++)
        pair = yaml != NULL ? yaml->items[i]->kind == YAMLDOC_SCALAR
                            : json_value_kind(json_value_at(json, i)) == JSON_VALUE_TEXT;
    if (!pair)
        return wrong_value(node, key, "a list of two names", reterr);
    for (size_t i = 0; i < 2; i++) {
        struct span text =
            yaml != NULL ? yaml->items[i]->text : json_value_text(json_value_at(json, i));
        TRY(copy_name(&place, text, &ret_names[i], reterr));
    }
    return STATUS_OK;
}
