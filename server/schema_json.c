#include "server/schema_json.h"

#include "base/num.h"
#include "model/schema_rules.h"
#include "proto/json_read.h"
#include "proto/json_value.h"
#include "proto/rank.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

// "text", or a list of it and "null".
static void set_type(struct json_value *map, const char *type, bool nullable)
{
    if (!nullable) {
        json_value_set_text(map, "type", type);
        return;
    }
    struct json_value *types = json_value_new_list();
    json_value_push_text(types, type);
    json_value_push_text(types, "null");
    json_value_set(map, "type", types);
}

static struct json_value *make(const char *type, bool nullable)
{
    struct json_value *map = json_value_new_map();
    set_type(map, type, nullable);
    return map;
}

// Text of the request: not empty, no U+0000.
static struct json_value *make_text(bool nullable)
{
    struct json_value *map = make("string", nullable);
    json_value_set_int(map, "minLength", 1);
    json_value_set_int(map, "maxLength", RANK_MAX_ID_BYTES);
    json_value_set_text(map, "pattern", "^[^\\u0000]*$");
    return map;
}

static struct json_value *make_money(void)
{
    struct json_value *map = make("number", true);
    json_value_set_int(map, "minimum", 0);
    json_value_set_number(map, "maximum", rank_max_money);
    return map;
}

static struct json_value *make_count(void)
{
    struct json_value *map = make("integer", true);
    json_value_set_int(map, "minimum", 0);
    return map;
}

// One of two schemas.
static void set_any_of(struct json_value *map, struct json_value *a, struct json_value *b)
{
    struct json_value *list = json_value_new_list();
    json_value_push(list, a);
    json_value_push(list, b);
    json_value_set(map, "anyOf", list);
}

// An object of these properties; takes them over.
static struct json_value *make_object(struct json_value *properties, struct json_value *required,
                                      bool nullable)
{
    struct json_value *map = make("object", nullable);
    json_value_set(map, "properties", properties);
    json_value_set_bool(map, "additionalProperties", false);
    json_value_set(map, "required", required);
    return map;
}

// ---- features

// The double with the shortest text that reads back to the float.
static double shortest(float x)
{
    char text[40];
    double value = (double)x;
    const char *end = json_read_print_float(text, x);
    const struct span span = {text, (size_t)(end - text)};
    return num_parse_double(span, &value) == STATUS_OK ? value : (double)x;
}

static struct json_value *make_numbers(const float *values, size_t count)
{
    struct json_value *list = json_value_new_list();
    for (size_t i = 0; i < count; i++)
        json_value_push_number(list, shortest(values[i]));
    return list;
}

static bool is_required(const struct schema_feature *feature)
{
    return feature->kind == SCHEMA_DENSE && !feature->has_default && feature->quantiles == 0;
}

// `size` numbers; one may stand without its list.
static struct json_value *make_dense(const struct schema_feature *feature)
{
    const bool nullable = !is_required(feature);
    struct json_value *list = make("array", nullable);
    json_value_set(list, "items", make("number", false));
    json_value_set_int(list, "minItems", feature->size);
    json_value_set_int(list, "maxItems", feature->size);
    struct json_value *map = list;
    if (feature->size == 1) {
        map = json_value_new_map();
        set_any_of(map, make("number", false), list);
    }
    if (feature->has_default && feature->size == 1)
        json_value_set_number(map, "default", shortest(feature->fallback));
    else if (feature->has_default) {
        struct json_value *defaults = json_value_new_list();
        for (uint32_t i = 0; i < feature->size; i++)
            json_value_push_number(defaults, shortest(feature->fallback));
        json_value_set(map, "default", defaults);
    }
    return map;
}

// An id; null and "" are none.
static struct json_value *make_id(const struct schema *schema, const struct schema_feature *feature)
{
    const struct schema_table *table = &schema->tables[feature->table];
    const bool identity = table->encode == ROW_IDENTITY;
    struct json_value *map = json_value_new_map();
    struct json_value *text = make("string", true), *number = make("integer", false);
    if (identity)
        json_value_set_text(text, "pattern", "^(0|[1-9][0-9]{0,9})?$");
    else
        json_value_set_int(text, "maxLength", ROW_MAX_ID_BYTES);
    json_value_set_int(number, "minimum", identity ? 0 : INT64_MIN);
    json_value_set_int(number, "maximum", identity ? (int64_t)table->buckets - 1 : INT64_MAX);
    set_any_of(map, text, number);
    return map;
}

static struct json_value *make_list(const struct schema *schema,
                                    const struct schema_feature *feature)
{
    struct json_value *map = make("array", true);
    json_value_set(map, "items", make_id(schema, feature));
    json_value_set_int(map, "x-keeps", feature->size);
    return map;
}

static const char *missing(const struct schema_feature *feature)
{
    if (is_required(feature))
        return "error";
    if (feature->kind == SCHEMA_ID_LIST)
        return "empty";
    return feature->kind == SCHEMA_DENSE && feature->has_default ? "default" : "unknown";
}

static struct json_value *make_feature(const struct checkpoint *checkpoint, size_t f)
{
    const struct schema *schema = &checkpoint->schema;
    const struct schema_feature *feature = &schema->features[f];
    struct json_value *map = feature->kind == SCHEMA_DENSE ? make_dense(feature)
                             : feature->kind == SCHEMA_ID  ? make_id(schema, feature)
                                                           : make_list(schema, feature);
    json_value_set_text(map, "x-kind", schema_rules_kinds[feature->kind]);
    json_value_set_text(map, "x-missing", missing(feature));
    if (checkpoint->ranges == NULL || !drift_has_range(feature))
        return map;
    const float *range = checkpoint->ranges[f];
    struct json_value *ends = json_value_new_map();
    json_value_set(ends, "low", make_numbers(range, feature->size));
    json_value_set(ends, "high", make_numbers(range + feature->size, feature->size));
    json_value_set(map, "x-training-range", ends);
    return map;
}

// The features of a scope; `ret_required` tells whether one must be sent, and so the object.
static struct json_value *make_scope(const struct checkpoint *checkpoint, enum row_scope scope,
                                     bool *ret_required)
{
    const struct schema *schema = &checkpoint->schema;
    struct json_value *properties = json_value_new_map(), *required = json_value_new_list();
    *ret_required = false;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        if (feature->scope != scope || feature->kind == SCHEMA_CROSS ||
            feature->source != SCHEMA_SENT || feature->privileged)
            continue;
        json_value_set(properties, feature->name, make_feature(checkpoint, f));
        if (!is_required(feature))
            continue;
        json_value_push_text(required, feature->name);
        *ret_required = true;
    }
    return make_object(properties, required, !*ret_required);
}

// ---- the body

static struct json_value *make_candidate(const struct checkpoint *checkpoint)
{
    struct json_value *properties = json_value_new_map(), *required = json_value_new_list();
    bool featured;
    json_value_push_text(required, "id");
    json_value_set(properties, "id", make_text(false));
    json_value_set(properties, "bid", make_money());
    json_value_set(properties, "features", make_scope(checkpoint, ROW_ITEM, &featured));
    if (featured)
        json_value_push_text(required, "features");
    return make_object(properties, required, false);
}

// Of every candidate: a bid, or none.
static struct json_value *make_bids(bool bids)
{
    struct json_value *properties = json_value_new_map(), *candidate = json_value_new_map();
    struct json_value *list = json_value_new_map();
    json_value_set(properties, "bid", make(bids ? "number" : "null", false));
    json_value_set(candidate, "properties", properties);
    if (bids) {
        struct json_value *required = json_value_new_list();
        json_value_push_text(required, "bid");
        json_value_set(candidate, "required", required);
    }
    json_value_set(list, "items", candidate);
    return list;
}

static struct json_value *make_candidates(const struct checkpoint *checkpoint,
                                          size_t max_candidates)
{
    struct json_value *list = make("array", false);
    json_value_set_int(list, "minItems", 1);
    json_value_set_int(list, "maxItems", (int64_t)max_candidates);
    json_value_set(list, "items", make_candidate(checkpoint));
    set_any_of(list, make_bids(true), make_bids(false));
    return list;
}

static struct json_value *make_floors(void)
{
    struct json_value *properties = json_value_new_map();
    json_value_set(properties, "bid", make_money());
    json_value_set(properties, "ecpm", make_money());
    return make_object(properties, json_value_new_list(), true);
}

static struct json_value *make_model(const char *model)
{
    struct json_value *names = json_value_new_list(), *map = json_value_new_map();
    json_value_push_text(names, model);
    json_value_push_number(names, (double)NAN); // null
    json_value_set(map, "enum", names);
    return map;
}

// The number, as replies have it or as a number, or one of the labels, which may stand at it.
static struct json_value *make_version(uint64_t version)
{
    char text[24];
    struct json_value *choices = json_value_new_list(), *map = json_value_new_map();
    struct json_value *label = make("string", false);
    snprintf(text, sizeof(text), "%" PRIu64, version);
    json_value_push_int(choices, (int64_t)version);
    json_value_push_text(choices, text);
    json_value_push_number(choices, (double)NAN); // null
    json_value_set(map, "enum", choices);
    json_value_set_text(label, "pattern", "^[A-Za-z_][A-Za-z0-9._-]{0,63}$");
    struct json_value *either = json_value_new_map();
    set_any_of(either, map, label);
    return either;
}

static struct json_value *make_body(const struct checkpoint *checkpoint, size_t max_candidates,
                                    const char *model, uint64_t version)
{
    struct json_value *properties = json_value_new_map(), *required = json_value_new_list();
    const enum row_scope scopes[] = {ROW_USER, ROW_CONTEXT};
    for (size_t i = 0; i < 2; i++) {
        bool needed;
        const char *name = schema_rules_scopes[scopes[i]];
        json_value_set(properties, name, make_scope(checkpoint, scopes[i], &needed));
        if (needed)
            json_value_push_text(required, name);
    }
    json_value_set(properties, "id", make_text(true));
    json_value_set(properties, "model", make_model(model));
    json_value_set(properties, "version", make_version(version));
    json_value_set(properties, "unit", make_text(true));
    json_value_set(properties, "slots", make_count());
    json_value_set(properties, "timeout_us", make_count());
    json_value_set(properties, "floors", make_floors());
    json_value_set(properties, "candidates", make_candidates(checkpoint, max_candidates));
    json_value_set(properties, "explain", make("boolean", true));
    json_value_set(properties, "timing", make("boolean", true));
    json_value_push_text(required, "candidates");
    return make_object(properties, required, false);
}

enum status schema_json_write(const struct checkpoint *checkpoint, size_t max_candidates,
                              const char *model, uint64_t version, struct buf *out)
{
    char title[512];
    snprintf(title, sizeof(title), "POST /v1/rank for version %" PRIu64 " of %s", version, model);
    struct json_value *root = make_body(checkpoint, max_candidates, model, version);
    json_value_set_text(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_value_set_text(root, "title", title);
    enum status code = json_value_write(root, 0, out);
    json_value_free(root);
    return code;
}
