#include "model/schema_plan.h"
#include <stdlib.h>
#include <string.h>

struct plan {
    const struct schema_rules_place *place;
    struct schema *schema;
    struct diag *reterr;
};

static uint32_t place_of(const struct schema *schema, const char *name)
{
    const struct schema_feature *feature = schema_find(schema, name);
    return feature == NULL ? SCHEMA_NO_FEATURE : (uint32_t)(feature - schema->features);
}

// The feature that `from` names; it must be there and, if `from` serves, serve too.
static MUST_USE enum status need(const struct plan *plan, const struct schema_feature *from,
                                 const char *key, const char *name, uint32_t *ret_place)
{
    *ret_place = place_of(plan->schema, name);
    if (*ret_place == SCHEMA_NO_FEATURE)
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": %s \"%s\" is no feature", from->name, key, name);
    if (plan->schema->features[*ret_place].privileged && !from->privileged)
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": %s \"%s\" is privileged, so this must be too",
                                  from->name, key, name);
    return STATUS_OK;
}

// An id of one value that is sent: what can be crossed, attended by, or counted on a page.
static MUST_USE enum status need_id(const struct plan *plan, const struct schema_feature *from,
                                    const char *key, const char *name, bool of_item,
                                    uint32_t *ret_place)
{
    TRY(need(plan, from, key, name, ret_place));
    const struct schema_feature *to = &plan->schema->features[*ret_place];
    if (to->kind != SCHEMA_ID || to->source != SCHEMA_SENT || (of_item && to->scope != ROW_ITEM))
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": %s \"%s\" is no id%s that is sent", from->name,
                                  key, name, of_item ? " of scope item" : "");
    return STATUS_OK;
}

static bool owns_table(const struct schema_feature *feature)
{
    if (feature->kind == SCHEMA_DENSE)
        return feature->quantiles > 0;
    return feature->table_of == NULL && (feature->source != SCHEMA_LOO_MEAN || feature->dim > 0);
}

static MUST_USE enum status plan_cross(const struct plan *plan, struct schema_feature *feature)
{
    unsigned narrower = ROW_USER;
    for (size_t i = 0; i < 2; i++) {
        TRY(need_id(plan, feature, "cross", feature->cross_of[i], false, &feature->cross[i]));
        const struct schema_feature *part = &plan->schema->features[feature->cross[i]];
        narrower = part->scope > narrower ? part->scope : narrower;
    }
    if (feature->scope != ROW_SCOPES && feature->scope != narrower)
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": its scope is the narrower of the two, %s",
                                  feature->name, schema_rules_scopes[narrower]);
    feature->scope = (enum row_scope)narrower;
    if (feature->privileged && feature->scope == ROW_USER)
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": a feature of scope user cannot be privileged",
                                  feature->name);
    return STATUS_OK;
}

static MUST_USE enum status plan_din(const struct plan *plan, struct schema_feature *feature)
{
    if (feature->privileged || feature->scope == ROW_ITEM)
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": pool din is of a list that is sent once, scope "
                                  "user or context, not privileged",
                                  feature->name);
    return need_id(plan, feature, "target", feature->target_of, true, &feature->target);
}

// Names to places; what the names must lead to.
static MUST_USE enum status plan_names(const struct plan *plan, struct schema_feature *feature)
{
    uint32_t owner = 0;
    if (feature->kind == SCHEMA_CROSS)
        TRY(plan_cross(plan, feature));
    if (schema_is_din(feature))
        TRY(plan_din(plan, feature));
    if (feature->page_of != NULL)
        TRY(need_id(plan, feature, "of", feature->page_of, true, &feature->of));
    if (feature->table_of == NULL)
        return STATUS_OK;
    TRY(need(plan, feature, "table", feature->table_of, &owner));
    const struct schema_feature *to = &plan->schema->features[owner];
    if (!owns_table(to) || to->source != SCHEMA_SENT ||
        (to->kind != SCHEMA_ID && to->kind != SCHEMA_ID_LIST))
        return schema_rules_fault(plan->place, plan->reterr,
                                  "feature \"%s\": \"%s\" has no table of ids of its own",
                                  feature->name, feature->table_of);
    return STATUS_OK;
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

// The places of names change when features are sorted.
static void renew_places(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        feature->table = SCHEMA_NO_TABLE;
        feature->target = feature->of = SCHEMA_NO_FEATURE;
        if (feature->target_of != NULL)
            feature->target = place_of(schema, feature->target_of);
        if (feature->page_of != NULL)
            feature->of = place_of(schema, feature->page_of);
        for (size_t k = 0; k < 2; k++)
            feature->cross[k] = feature->cross_of[k] == NULL
                                    ? SCHEMA_NO_FEATURE
                                    : place_of(schema, feature->cross_of[k]);
    }
}

// A table for every owner, in the order of the features.
static MUST_USE enum status plan_tables(const struct plan *plan)
{
    struct schema *schema = plan->schema;
    schema->tables = calloc(schema->count, sizeof *schema->tables);
    if (schema->tables == NULL)
        return diag_set(plan->reterr, STATUS_NO_MEMORY, "no memory for tables");
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        if (!owns_table(feature))
            continue;
        // Rows of the mean of the others are those of what it is a mean of.
        const struct schema_feature *ids = feature;
        if (feature->source == SCHEMA_LOO_MEAN)
            ids = &schema->features[feature->of];
        if (ids->table_of != NULL)
            ids = schema_find(schema, ids->table_of);
        feature->table = (uint32_t)schema->table_count;
        schema->tables[schema->table_count++] = (struct schema_table){.name = feature->name,
                                                                      .owner = (uint32_t)i,
                                                                      .dim = feature->dim,
                                                                      .encode = ids->encode,
                                                                      .buckets = ids->buckets,
                                                                      .min_count = ids->min_count};
    }
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        const char *owner = feature->table_of;
        if (feature->source == SCHEMA_LOO_MEAN && feature->dim == 0) {
            const struct schema_feature *of = &schema->features[feature->of];
            owner = of->table_of != NULL ? of->table_of : of->name;
        }
        if (owner != NULL)
            feature->table = schema_find_table(schema, owner);
    }
    size_t attended = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        attended += schema_is_din(feature);
        if (schema_is_din(feature) && feature->table != schema->features[feature->target].table)
            return schema_rules_fault(plan->place, plan->reterr,
                                      "feature \"%s\" and its target \"%s\" do not share a table",
                                      feature->name, feature->target_of);
    }
    if (schema->table_count > SCHEMA_RULES_MAX_TABLES || attended > SCHEMA_RULES_MAX_DIN)
        return schema_rules_fault(
            plan->place, plan->reterr, "%zu tables and %zu features of pool din: at most %d and %d",
            schema->table_count, attended, (int)SCHEMA_RULES_MAX_TABLES, (int)SCHEMA_RULES_MAX_DIN);
    return STATUS_OK;
}

// Cells and columns, one after another in the order of the features.
static MUST_USE enum status plan_columns(const struct plan *plan)
{
    struct schema *schema = plan->schema;
    size_t shared_cells = 0, row_cells = 0, shared = 0, row = 0, privileged = 0;
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        feature->width =
            feature->table == SCHEMA_NO_TABLE ? feature->size : schema->tables[feature->table].dim;
        size_t *cells = schema_in_shared_cells(feature) ? &shared_cells : &row_cells;
        size_t *columns = schema_in_shared_columns(feature) ? &shared : &row;
        feature->offset = (uint32_t)*cells;
        feature->column = (uint32_t)*columns;
        *cells += schema_cells(feature);
        *columns += feature->width;
        privileged += feature->privileged ? feature->width : 0;
        if (shared + row > SCHEMA_RULES_MAX_WIDTH ||
            shared_cells + row_cells > SCHEMA_RULES_MAX_WIDTH)
            return schema_rules_fault(plan->place, plan->reterr,
                                      "all features together have more than %d columns or values",
                                      (int)SCHEMA_RULES_MAX_WIDTH);
    }
    schema->shared_cells = shared_cells;
    schema->row_cells = row_cells;
    schema->shared_width = shared;
    schema->row_width = row;
    schema->privileged_width = privileged;
    if (shared + row == privileged)
        return schema_rules_fault(plan->place, plan->reterr,
                                  "every feature is privileged: nothing is left to serve");
    return STATUS_OK;
}

enum status schema_plan(const struct schema_rules_place *place, struct schema *schema,
                        struct diag *reterr)
{
    const struct plan plan = {place, schema, reterr};
    for (size_t i = 0; i < schema->count; i++)
        TRY(plan_names(&plan, &schema->features[i]));
    sort_by_group(schema);
    renew_places(schema);
    TRY(plan_tables(&plan));
    return plan_columns(&plan);
}
