#include "model/schema.h"
#include "model/schema_plan.h"

#include <stdlib.h>
#include <string.h>

// LETOR: two features by column number, and one made from the page.

static MUST_USE enum status add_letor(struct schema *schema, const char *name,
                                      const bool *is_privileged, uint32_t column_count,
                                      bool privileged, enum schema_transform transform,
                                      struct diag *reterr)
{
    uint32_t size = 0;
    for (uint32_t c = 0; c < column_count; c++)
        size += is_privileged[c] == privileged;
    if (size == 0)
        return STATUS_OK;
    struct schema_feature feature = {
        .name = strdup(name),
        .scope = ROW_ITEM,
        .kind = SCHEMA_DENSE,
        .transform = transform,
        .source = SCHEMA_SENT,
        .privileged = privileged,
        .size = size,
        .columns = calloc(size, sizeof *feature.columns),
        .has_default = true, // a column that a line leaves out is 0 by the format
        .fallback = 0.0f,
    };
    if (feature.name == NULL || feature.columns == NULL) {
        schema_rules_drop(&feature);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the feature %s", name);
    }
    for (uint32_t c = 0, next = 0; c < column_count; c++)
        if (is_privileged[c] == privileged)
            feature.columns[next++] = c + 1;
    return schema_rules_add(schema, &feature, reterr);
}

static MUST_USE enum status add_page(struct schema *schema, struct diag *reterr)
{
    struct schema_feature feature = {
        .name = strdup("page"),
        .scope = ROW_ITEM,
        .kind = SCHEMA_DENSE,
        .transform = SCHEMA_NONE, // it is made from transformed values
        .source = SCHEMA_PAGE,
        .privileged = true,
        .size = 2 * schema->features[0].size + 1,
    };
    if (feature.name == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the feature page");
    return schema_rules_add(schema, &feature, reterr);
}

static MUST_USE enum status make_letor(uint32_t column_count, const bool *is_privileged,
                                       bool page_context, enum schema_transform transform,
                                       struct schema *schema, struct diag *reterr)
{
    TRY(add_letor(schema, "f", is_privileged, column_count, false, transform, reterr));
    if (schema->count == 0)
        return diag_set(reterr, STATUS_CONFIG,
                        "every column is privileged: nothing is left to serve");
    TRY(add_letor(schema, "f_priv", is_privileged, column_count, true, transform, reterr));
    if (page_context)
        TRY(add_page(schema, reterr));
    const struct schema_rules_place place = {.file = "the data"};
    return schema_plan(&place, schema, reterr);
}

enum status schema_letor(uint32_t column_count, const uint32_t *privileged, size_t privileged_count,
                         bool page_context, enum schema_transform transform,
                         struct schema *ret_schema, struct diag *reterr)
{
    if (column_count == 0 || column_count > SCHEMA_RULES_MAX_WIDTH)
        return diag_set(reterr, STATUS_CONFIG, "%u feature columns are not in 1..%d", column_count,
                        (int)SCHEMA_RULES_MAX_WIDTH);
    bool *is_privileged = calloc(column_count, sizeof *is_privileged);
    if (is_privileged == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %u columns", column_count);
    enum status code = STATUS_OK;
    for (size_t i = 0; i < privileged_count && code == STATUS_OK; i++) {
        if (privileged[i] < 1 || privileged[i] > column_count)
            code = diag_set(reterr, STATUS_CONFIG,
                            "privileged column %u is not there: the data has columns 1 to %u",
                            privileged[i], column_count);
        else
            is_privileged[privileged[i] - 1] = true;
    }
    struct schema schema = {0};
    if (code == STATUS_OK)
        code = make_letor(column_count, is_privileged, page_context, transform, &schema, reterr);
    free(is_privileged);
    if (code == STATUS_OK)
        *ret_schema = schema;
    else
        schema_fini(&schema);
    return code;
}
