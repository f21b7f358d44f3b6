#include "model/schema.h"

#include "base/num.h"
#include "model/schema_plan.h"
#include "proto/row_code.h"
#include "proto/vocab.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void schema_fini(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        schema_rules_drop(&schema->features[i]);
    free(schema->features);
    free(schema->tables);
    *schema = (struct schema){0};
}

const struct schema_feature *schema_find(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->features[i].name, name) == 0)
            return &schema->features[i];
    return NULL;
}

uint32_t schema_find_table(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->table_count; i++)
        if (strcmp(schema->tables[i].name, name) == 0)
            return (uint32_t)i;
    return SCHEMA_NO_TABLE;
}

bool schema_has_privileged(const struct schema *schema)
{
    return schema->privileged_width > 0;
}

bool schema_is_din(const struct schema_feature *feature)
{
    return feature->kind == SCHEMA_ID_LIST && feature->pool == SCHEMA_DIN;
}

bool schema_has_ids(const struct schema_feature *feature)
{
    return feature->kind != SCHEMA_DENSE;
}

uint32_t schema_cells(const struct schema_feature *feature)
{
    return feature->source == SCHEMA_LOO_MEAN ? 0 : feature->size;
}

bool schema_in_shared_cells(const struct schema_feature *feature)
{
    return feature->scope != ROW_ITEM;
}

bool schema_in_shared_columns(const struct schema_feature *feature)
{
    return schema_rules_group(feature) <= ROW_CONTEXT;
}

void schema_share_vocabs(struct schema *schema)
{
    for (size_t i = 0; i < schema->table_count; i++) {
        const struct schema_feature *owner = &schema->features[schema->tables[i].owner];
        if (owner->source == SCHEMA_LOO_MEAN)
            schema->tables[i].vocab = schema->tables[schema->features[owner->of].table].vocab;
    }
}

enum status schema_size_tables(struct schema *schema, struct diag *reterr)
{
    for (size_t i = 0; i < schema->table_count; i++) {
        struct schema_table *table = &schema->tables[i];
        const struct schema_feature *owner = &schema->features[table->owner];
        size_t cells;
        if (owner->kind == SCHEMA_DENSE)
            table->rows = (size_t)owner->edge_count + 2;
        else if (table->encode == ROW_VOCAB)
            table->rows = table->vocab == NULL ? 0 : vocab_count(table->vocab) + VOCAB_FIRST;
        else
            table->rows = (size_t)table->buckets + 1;
        if (table->rows > UINT32_MAX || !num_mul(table->rows, table->dim, &cells))
            return diag_set(reterr, STATUS_TOO_LARGE, "table \"%s\" is too large", table->name);
    }
    return STATUS_OK;
}

// ---- a student

static bool copy_bytes(const void *from, size_t bytes, void **ret_copy)
{
    *ret_copy = NULL;
    if (from == NULL)
        return true;
    *ret_copy = malloc(bytes + 1); // some malloc(0) give NULL
    if (*ret_copy != NULL)
        memcpy(*ret_copy, from, bytes);
    return *ret_copy != NULL;
}

static bool copy_text(const char *from, char **ret_copy)
{
    *ret_copy = from == NULL ? NULL : strdup(from);
    return from == NULL || *ret_copy != NULL;
}

// False: no memory, and what was copied can be dropped.
static bool copy_feature(const struct schema_feature *from, struct schema_feature *to)
{
    *to = *from;
    to->name = to->table_of = to->target_of = to->cross_of[0] = to->cross_of[1] = NULL;
    to->page_of = NULL;
    to->columns = NULL;
    to->edges = to->mean = to->scale = NULL;
    void *columns = NULL, *edges = NULL, *mean = NULL, *scale = NULL;
    bool good = copy_bytes(from->columns, from->size * sizeof *from->columns, &columns) &&
                copy_bytes(from->edges, from->edge_count * sizeof(float), &edges) &&
                copy_bytes(from->mean, from->size * sizeof(float), &mean) &&
                copy_bytes(from->scale, from->size * sizeof(float), &scale) &&
                copy_text(from->name, &to->name) && copy_text(from->table_of, &to->table_of) &&
                copy_text(from->target_of, &to->target_of) &&
                copy_text(from->cross_of[0], &to->cross_of[0]) &&
                copy_text(from->cross_of[1], &to->cross_of[1]) &&
                copy_text(from->page_of, &to->page_of);
    to->columns = columns;
    to->edges = edges;
    to->mean = mean;
    to->scale = scale;
    return good;
}

static MUST_USE enum status copy_regular(const struct schema *schema, struct schema *student,
                                         struct diag *reterr)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature feature;
        if (schema->features[i].privileged)
            continue;
        if (!copy_feature(&schema->features[i], &feature)) {
            schema_rules_drop(&feature);
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a feature");
        }
        TRY(schema_rules_add(student, &feature, reterr));
    }
    if (student->count == 0)
        return diag_set(reterr, STATUS_CONFIG,
                        "every feature is privileged: nothing is left to serve");
    const struct schema_rules_place place = {.path = "features"};
    TRY(schema_plan(&place, student, reterr));
    for (size_t i = 0; i < student->table_count; i++) {
        uint32_t from = schema_find_table(schema, student->tables[i].name);
        student->tables[i].vocab = schema->tables[from].vocab;
    }
    return schema_size_tables(student, reterr);
}

enum status schema_student(const struct schema *schema, struct schema *ret_student,
                           struct diag *reterr)
{
    struct schema student = {0};
    enum status code = copy_regular(schema, &student, reterr);
    if (code == STATUS_OK)
        *ret_student = student;
    else
        schema_fini(&student);
    return code;
}

// ---- the layout of what is sent

static struct row_coding coding_of(const struct schema *schema, const struct schema_feature *from)
{
    const struct schema_table *table = &schema->tables[from->table];
    return (struct row_coding){.encode = table->encode,
                               .buckets = table->buckets,
                               .seed = row_code_seed(span_of(table->name)),
                               .vocab = table->vocab};
}

static enum row_scope sent_scope(const struct schema_feature *feature)
{
    if (!feature->privileged)
        return feature->scope;
    return feature->scope == ROW_ITEM ? ROW_ITEM_PRIVILEGED : ROW_LIST_PRIVILEGED;
}

static struct row_field field_of(const struct schema *schema, const struct schema_feature *feature)
{
    const bool bucketed = feature->quantiles > 0 && !feature->has_default;
    struct row_field field = {
        .name = span_of(feature->name),
        .scope = sent_scope(feature),
        .kind = feature->kind == SCHEMA_DENSE ? ROW_DENSE
                : feature->kind == SCHEMA_ID  ? ROW_ID
                                              : ROW_IDS,
        .size = feature->size,
        .offset = feature->offset,
        .has_default = feature->has_default || bucketed,
        .fallback = bucketed ? NAN : feature->fallback,
        .keep = ROW_KEEP_NONE,
    };
    if (feature->kind != SCHEMA_DENSE)
        field.coding = coding_of(schema, feature);
    return field;
}

// The bytes of the i-th feature's id are kept; its place among those of its block.
static uint16_t keep(const struct schema *schema, uint32_t i, uint16_t *keeps,
                     struct row_layout *layout)
{
    size_t *count =
        schema_in_shared_cells(&schema->features[i]) ? &layout->shared_keeps : &layout->item_keeps;
    if (keeps[i] == ROW_KEEP_NONE)
        keeps[i] = (uint16_t)(*count)++;
    return keeps[i];
}

void schema_layout(const struct schema *schema, struct row_field *fields, struct row_cross *crosses,
                   struct row_layout *ret_layout)
{
    struct row_layout layout = {.fields = fields,
                                .crosses = crosses,
                                .shared_width = schema->shared_cells,
                                .item_width = schema->row_cells,
                                .feature_count = schema->count};
    static_assert((int)ROW_MAX_FIELDS < (int)ROW_KEEP_NONE, "places of kept bytes have 16 bits");
    uint16_t keeps[ROW_MAX_FIELDS];
    memset(keeps, 0xff, schema->count * sizeof *keeps);
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (feature->kind != SCHEMA_CROSS)
            continue;
        const uint32_t a = feature->cross[0], b = feature->cross[1];
        crosses[layout.cross_count++] =
            (struct row_cross){.item = !schema_in_shared_cells(feature),
                               .offset = feature->offset,
                               .a_item = !schema_in_shared_cells(&schema->features[a]),
                               .b_item = !schema_in_shared_cells(&schema->features[b]),
                               .a_keep = keep(schema, a, keeps, &layout),
                               .b_keep = keep(schema, b, keeps, &layout),
                               .coding = coding_of(schema, feature)};
    }
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (feature->kind == SCHEMA_CROSS || feature->source != SCHEMA_SENT)
            continue;
        fields[layout.field_count] = field_of(schema, feature);
        fields[layout.field_count].feature = (uint16_t)i;
        fields[layout.field_count++].keep = keeps[i];
    }
    *ret_layout = layout;
}
