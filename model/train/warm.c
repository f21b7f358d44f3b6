#include "model/train/warm.h"

#include "model/safetensors_file.h"
#include "model/train/encoding.h"
#include "proto/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_NAME = 160 };

static const struct safetensors_tensor *warm_find(const struct safetensors_file *file,
                                                  const char *part, const char *name)
{
    char text[WARM_NAME];
    snprintf(text, sizeof(text), "fitted.%s.%s", part, name);
    return safetensors_find(&file->tensors, text);
}

// The tensor's data in memory of their own.
MUST_USE static enum status warm_take(const struct safetensors_file *file,
                                      const struct safetensors_tensor *tensor, void **ret_data,
                                      struct diag *reterr)
{
    *ret_data = malloc(safetensors_bytes(tensor));
    if (*ret_data == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return safetensors_file_read(file, tensor, *ret_data, reterr);
}

MUST_USE static enum status warm_edges(const struct safetensors_file *file, struct warm *warm,
                                       struct diag *reterr)
{
    for (size_t i = 0; i < warm->schema.count; i++) {
        struct schema_feature *feature = &warm->schema.features[i];
        if (feature->quantiles == 0)
            continue;
        const struct safetensors_tensor *edges = warm_find(file, "edges", feature->name);
        if (edges == NULL || edges->dtype != SAFETENSORS_F32 || edges->rank != 2)
            return diag_set(reterr, STATUS_CORRUPT, "has no edges of the feature \"%s\"",
                            feature->name);
        void *copy = NULL;
        enum status code = warm_take(file, edges, &copy, reterr);
        feature->edges = copy;
        feature->edge_count = (uint32_t)edges->shape[1];
        TRY(code);
    }
    return STATUS_OK;
}

MUST_USE static enum status warm_vocab(const struct safetensors_file *file, struct warm *warm,
                                       size_t table, struct diag *reterr)
{
    const char *name = warm->schema.tables[table].name;
    const struct safetensors_tensor *bytes = warm_find(file, "bytes", name);
    const struct safetensors_tensor *offsets = warm_find(file, "offsets", name);
    if (bytes == NULL || bytes->dtype != SAFETENSORS_U8 || bytes->rank != 2 || offsets == NULL ||
        offsets->dtype != SAFETENSORS_U64 || offsets->rank != 2 || offsets->shape[1] < 2)
        return diag_set(reterr, STATUS_CORRUPT, "has no vocabulary of the table \"%s\"", name);
    const size_t count = offsets->shape[1] - 1;
    TRY(warm_take(file, bytes, (void **)(void *)&warm->bytes[table], reterr));
    TRY(warm_take(file, offsets, (void **)(void *)&warm->offsets[table], reterr));
    if (warm->offsets[table][count] != safetensors_bytes(bytes))
        return diag_set(reterr, STATUS_CORRUPT, "the vocabulary of \"%s\" does not fit", name);
    TRY(vocab_new(warm->bytes[table], warm->offsets[table], count, &warm->vocabs[table], reterr));
    warm->schema.tables[table].vocab = warm->vocabs[table];
    return STATUS_OK;
}

MUST_USE static enum status warm_read(const struct safetensors_file *file, struct warm *warm,
                                      struct diag *reterr)
{
    const char *format = safetensors_note(&file->tensors, "format");
    const char *features = safetensors_note(&file->tensors, "features");
    struct json_value *list = NULL;
    if (format == NULL || strcmp(format, "ctr-state-1") != 0 || features == NULL)
        return diag_set(reterr, STATUS_CORRUPT, "is not a training state (ctr-state-1)");
    TRY(json_value_parse(span_of(features), &list, reterr));
    enum status code = schema_from_json(list, &warm->schema, reterr);
    json_value_free(list);
    TRY(code);
    const size_t tables = warm->schema.table_count + 1;
    warm->vocabs = calloc(tables, sizeof(*warm->vocabs));
    warm->bytes = calloc(tables, sizeof(*warm->bytes));
    warm->offsets = calloc(tables, sizeof(*warm->offsets));
    if (warm->vocabs == NULL || warm->bytes == NULL || warm->offsets == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(warm_edges(file, warm, reterr));
    for (size_t i = 0; i < warm->schema.table_count; i++) {
        const struct schema_table *table = &warm->schema.tables[i];
        if (table->encode == ROW_VOCAB &&
            warm->schema.features[table->owner].source != SCHEMA_LOO_MEAN)
            TRY(warm_vocab(file, warm, i, reterr));
    }
    return STATUS_OK;
}

enum status warm_open(const char *path, struct warm *ret_warm, struct diag *reterr)
{
    struct safetensors_file file;
    struct warm warm = {0};
    TRY(safetensors_file_open(path, &file, reterr));
    enum status code = warm_read(&file, &warm, reterr);
    if (code == STATUS_OK)
        snprintf(warm.sha256, sizeof(warm.sha256), "%s", safetensors_note(&file.tensors, "sha256"));
    safetensors_file_close(&file);
    if (code != STATUS_OK) {
        diag_in_file(reterr, path);
        warm_close(&warm);
        return code;
    }
    *ret_warm = warm;
    return STATUS_OK;
}

void warm_close(struct warm *warm)
{
    for (size_t i = 0; warm->offsets != NULL && i < warm->schema.table_count; i++) {
        vocab_free(warm->vocabs[i]);
        free(warm->bytes[i]);
        free(warm->offsets[i]);
    }
    free(warm->vocabs);
    free(warm->bytes);
    free(warm->offsets);
    schema_fini(&warm->schema);
    *warm = (struct warm){0};
}

// A copy of `count` floats in the place of what stands at *to; NULL stays NULL.
MUST_USE static bool warm_floats(const float *from, size_t count, float **to)
{
    free(*to);
    *to = from == NULL ? NULL : malloc(count * sizeof(*from));
    if (*to != NULL)
        memcpy(*to, from, count * sizeof(*from));
    return from == NULL || *to != NULL;
}

static bool warm_same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

// Whether both mean the same values and the same rows.
static bool warm_same(const struct schema_feature *a, const struct schema_feature *b)
{
    return a->kind == b->kind && a->scope == b->scope && a->privileged == b->privileged &&
           a->source == b->source && a->transform == b->transform && a->size == b->size &&
           a->has_default == b->has_default && a->fallback == b->fallback &&
           a->quantiles == b->quantiles && a->encode == b->encode && a->buckets == b->buckets &&
           a->dim == b->dim && a->min_count == b->min_count && a->pool == b->pool &&
           warm_same_name(a->table_of, b->table_of) && warm_same_name(a->target_of, b->target_of) &&
           warm_same_name(a->page_of, b->page_of) &&
           warm_same_name(a->cross_of[0], b->cross_of[0]) &&
           warm_same_name(a->cross_of[1], b->cross_of[1]) &&
           (a->columns == NULL) == (b->columns == NULL) &&
           (a->columns == NULL ||
            memcmp(a->columns, b->columns, a->size * sizeof(*a->columns)) == 0);
}

// Every feature of the state is there and the same. A state of a student knows nothing privileged.
MUST_USE static enum status warm_check(const struct warm *warm, const struct schema *schema,
                                       struct diag *reterr)
{
    for (size_t i = 0; i < warm->schema.count; i++) {
        const struct schema_feature *from = &warm->schema.features[i];
        const struct schema_feature *to = schema_find(schema, from->name);
        if (to == NULL || !warm_same(from, to))
            return diag_at_path(reterr, STATUS_CONFIG, "features",
                                to == NULL
                                    ? "\"%s\" is missing, which the run that is begun with has"
                                    : "\"%s\" is another feature than in the run that is begun "
                                      "with",
                                from->name);
    }
    for (size_t i = 0; i < schema->count; i++)
        if (!schema->features[i].privileged &&
            schema_find(&warm->schema, schema->features[i].name) == NULL)
            return diag_at_path(reterr, STATUS_CONFIG, "features",
                                "\"%s\" is new: the run that is begun with has not learnt it",
                                schema->features[i].name);
    return STATUS_OK;
}

enum status warm_fit(const struct warm *warm, struct schema *schema, struct diag *reterr)
{
    TRY(warm_check(warm, schema, reterr));
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        const struct schema_feature *from = schema_find(&warm->schema, feature->name);
        if (from == NULL)
            continue;
        feature->edge_count = from->edge_count;
        if (!warm_floats(from->edges, from->edge_count, &feature->edges) ||
            !warm_floats(from->mean, from->size, &feature->mean) ||
            !warm_floats(from->scale, from->size, &feature->scale))
            return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    encoding_set_vocabs(schema, &warm->schema);
    schema_share_vocabs(schema);
    return STATUS_OK;
}
