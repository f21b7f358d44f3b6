// Features as a manifest has them: what schema_read.c reads.
#include "model/schema.h"
#include "model/schema_rules.h"

static void set_floats(struct json_value *map, const char *key, const float *values, size_t count)
{
    struct json_value *list = json_value_new_list();
    for (size_t i = 0; i < count; i++)
        json_value_push_number(list, (double)values[i]);
    json_value_set(map, key, list);
}

static void set_dense(struct json_value *map, const struct schema_feature *feature)
{
    json_value_set_int(map, "size", feature->size);
    json_value_set_text(map, "transform", schema_rules_transforms[feature->transform]);
    if (feature->has_default)
        json_value_set_number(map, "default", (double)feature->fallback);
    if (feature->quantiles > 0)
        json_value_set_int(map, "quantiles", feature->quantiles);
    if (feature->mean != NULL) {
        set_floats(map, "mean", feature->mean, feature->size);
        set_floats(map, "scale", feature->scale, feature->size);
    }
    struct json_value *columns = feature->columns != NULL ? json_value_new_list() : NULL;
    for (uint32_t c = 0; columns != NULL && c < feature->size; c++)
        json_value_push_int(columns, feature->columns[c]);
    if (feature->columns != NULL)
        json_value_set(map, "columns", columns);
}

static void set_ids(struct json_value *map, const struct schema_feature *feature)
{
    const bool cross = feature->kind == SCHEMA_CROSS;
    if (feature->kind == SCHEMA_ID_LIST) {
        json_value_set_int(map, "max_len", feature->size);
        json_value_set_text(map, "pool", schema_rules_pools[feature->pool]);
    }
    if (feature->target_of != NULL)
        json_value_set_text(map, "target", feature->target_of);
    if (cross) {
        struct json_value *pair = json_value_new_list();
        json_value_push_text(pair, feature->cross_of[0]);
        json_value_push_text(pair, feature->cross_of[1]);
        json_value_set(map, "cross", pair);
    }
    if (feature->table_of != NULL) {
        json_value_set_text(map, "table", feature->table_of);
        return;
    }
    if (feature->source == SCHEMA_LOO_MEAN)
        return;
    if (!cross)
        json_value_set_text(map, "encode", schema_rules_encodes[feature->encode]);
    if (feature->encode == ROW_VOCAB)
        json_value_set_int(map, "min_count", feature->min_count);
    else
        json_value_set_int(map, "buckets", feature->buckets);
}

struct json_value *schema_to_json(const struct schema *schema)
{
    struct json_value *features = json_value_new_list();
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        struct json_value *map = json_value_new_map();
        json_value_set_text(map, "name", feature->name);
        json_value_set_text(map, "scope", schema_rules_scopes[feature->scope]);
        json_value_set_text(map, "kind", schema_rules_kinds[feature->kind]);
        json_value_set_bool(map, "privileged", feature->privileged);
        if (feature->source != SCHEMA_SENT)
            json_value_set_text(map, "source", schema_rules_sources[feature->source]);
        if (feature->page_of != NULL)
            json_value_set_text(map, "of", feature->page_of);
        // Of its own table; else the owner says it.
        if (feature->dim > 0 && feature->table_of == NULL)
            json_value_set_int(map, "dim", feature->dim);
        if (feature->kind == SCHEMA_DENSE)
            set_dense(map, feature);
        else
            set_ids(map, feature);
        json_value_push(features, map);
    }
    return features;
}
