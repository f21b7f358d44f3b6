#include "model/checkpoint_tensors.h"

#include "proto/vocab.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum status checkpoint_tensors_parts_init(const struct checkpoint *checkpoint,
                                          struct checkpoint_parts *parts, struct diag *reterr)
{
    const size_t count = checkpoint->schema.count, tables = checkpoint->schema.table_count;
    *parts = (struct checkpoint_parts){.edges = calloc(count, sizeof(void *)),
                                       .vocab_bytes = calloc(tables + 1, sizeof(void *)),
                                       .vocab_offsets = calloc(tables + 1, sizeof(void *)),
                                       .golden_input = calloc(count, sizeof(void *))};
    if (parts->edges == NULL || parts->vocab_bytes == NULL || parts->vocab_offsets == NULL ||
        parts->golden_input == NULL) {
        checkpoint_tensors_parts_fini(parts);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the parts of a checkpoint");
    }
    return STATUS_OK;
}

void checkpoint_tensors_parts_fini(struct checkpoint_parts *parts)
{
    free(parts->edges);
    free(parts->vocab_bytes);
    free(parts->vocab_offsets);
    free(parts->golden_input);
    *parts = (struct checkpoint_parts){0};
}

void checkpoint_tensors_fini(struct checkpoint_tensors *tensors)
{
    free(tensors->items);
    *tensors = (struct checkpoint_tensors){0};
}

// columns 0 with rank 1. The list's maker looks at out_of_memory once, at the end.
static PRINTF_LIKE(7, 8) void add(struct checkpoint_tensors *tensors, enum safetensors_dtype dtype,
                                  size_t rank, size_t rows, size_t columns, const void **place,
                                  const char *format, ...)
{
    if (tensors->count == tensors->room) {
        size_t room = tensors->room == 0 ? 64 : 2 * tensors->room;
        struct checkpoint_tensor *more = reallocarray(tensors->items, room, sizeof *tensors->items);
        if (more == NULL) {
            tensors->out_of_memory = true;
            return;
        }
        tensors->items = more;
        tensors->room = room;
    }
    struct checkpoint_tensor *tensor = &tensors->items[tensors->count++];
    *tensor = (struct checkpoint_tensor){
        .dtype = dtype, .rank = rank, .shape = {rows, columns}, .place = place};
    va_list args;
    va_start(args, format);
    vsnprintf(tensor->name, sizeof tensor->name, format, args);
    va_end(args);
}

static void add_floats(struct checkpoint_tensors *tensors, size_t rank, size_t rows, size_t columns,
                       const float **place, const char *name)
{
    add(tensors, SAFETENSORS_F32, rank, rows, columns, (const void **)(void *)place, "%s", name);
}

static void add_drift(struct checkpoint *checkpoint, struct checkpoint_parts *parts,
                      struct checkpoint_tensors *tensors)
{
    const struct schema *schema = &checkpoint->schema;
    const size_t bins = checkpoint->pctr.bins;
    for (size_t i = 0; checkpoint->ranges != NULL && i < schema->count; i++)
        if (drift_has_range(&schema->features[i]))
            add(tensors, SAFETENSORS_F32, 2, 2, schema->features[i].size,
                (const void **)(void *)&checkpoint->ranges[i], "range.%s",
                schema->features[i].name);
    if (bins > 1)
        add(tensors, SAFETENSORS_F32, 1, bins - 1, 0, &parts->pctr_edges, "pctr.edges");
    if (bins > 0)
        add(tensors, SAFETENSORS_U64, 1, bins, 0, &parts->pctr_counts, "pctr.counts");
}

void checkpoint_tensors_first(struct checkpoint *checkpoint, struct checkpoint_parts *parts,
                              struct checkpoint_tensors *tensors)
{
    const struct schema *schema = &checkpoint->schema;
    char name[CHECKPOINT_TENSORS_NAME];
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        struct checkpoint_layer *layer = &checkpoint->layers[k];
        snprintf(name, sizeof name, "mlp.%zu.weight", k);
        add_floats(tensors, 2, layer->out, layer->in, &layer->weight, name);
        snprintf(name, sizeof name, "mlp.%zu.bias", k);
        add_floats(tensors, 1, layer->out, 0, &layer->bias, name);
    }
    struct calibrate *calibrate = &checkpoint->calibrate;
    if (calibrate->knots > 0) {
        add(tensors, SAFETENSORS_F64, 1, calibrate->knots, 0, (const void **)(void *)&calibrate->x,
            "cal.x");
        add(tensors, SAFETENSORS_F64, 1, calibrate->knots, 0, (const void **)(void *)&calibrate->y,
            "cal.y");
    }
    for (size_t i = 0; i < schema->count; i++)
        if (schema->features[i].quantiles > 0)
            add(tensors, SAFETENSORS_F32, 1, schema->features[i].edge_count, 0, &parts->edges[i],
                "bucket.%s", schema->features[i].name);
    add_drift(checkpoint, parts, tensors);
    for (size_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];
        // The mean of the others has the ids of another table: their names stand there.
        if (table->encode != ROW_VOCAB || schema->features[table->owner].source == SCHEMA_LOO_MEAN)
            continue;
        size_t ids = table->rows > VOCAB_FIRST ? table->rows - VOCAB_FIRST : 0;
        size_t bytes = table->vocab == NULL ? 0 : vocab_bytes(table->vocab).size;
        add(tensors, SAFETENSORS_U8, 1, bytes, 0, &parts->vocab_bytes[i], "vocab.%s.bytes",
            table->name);
        add(tensors, SAFETENSORS_U64, 1, ids > 0 ? ids + 1 : 0, 0, &parts->vocab_offsets[i],
            "vocab.%s.offsets", table->name);
    }
}

static void add_din_layer(struct checkpoint_tensors *tensors, struct din_weights *din, size_t k,
                          const char *feature)
{
    struct din_layer *layer = &din->layers[k];
    const bool last = k + 1 == din->layer_count;
    char name[CHECKPOINT_TENSORS_NAME];
    if (k > 0) {
        snprintf(name, sizeof name, "din.%s.%zu.weight", feature, k);
        add_floats(tensors, 2, layer->out, layer->in, &layer->weight, name);
    }
    snprintf(name, sizeof name, k > 0 ? "din.%s.%zu.bias" : "din.%s.bias", feature, k);
    add_floats(tensors, 1, layer->out, 0, &layer->bias, name);
    if (last)
        return;
    snprintf(name, sizeof name, "din.%s.%zu.kappa", feature, k);
    add_floats(tensors, 1, layer->out, 0, &layer->kappa, name);
    if (din->activation != DIN_DICE)
        return;
    snprintf(name, sizeof name, "din.%s.%zu.mean", feature, k);
    add_floats(tensors, 1, layer->out, 0, &layer->mean, name);
    snprintf(name, sizeof name, "din.%s.%zu.var", feature, k);
    add_floats(tensors, 1, layer->out, 0, &layer->var, name);
}

static void add_din(struct checkpoint_tensors *tensors, struct din_weights *din,
                    const char *feature)
{
    const float **parts[] = {&din->a, &din->b, &din->c};
    char name[CHECKPOINT_TENSORS_NAME];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "din.%s.%c", feature, "abc"[i]);
        add_floats(tensors, 2, din->layers[0].out, din->dim, parts[i], name);
    }
    for (size_t k = 0; k < din->layer_count; k++)
        add_din_layer(tensors, din, k, feature);
}

void checkpoint_tensors_rest(struct checkpoint *checkpoint, struct checkpoint_parts *parts,
                             struct checkpoint_tensors *tensors)
{
    const struct schema *schema = &checkpoint->schema;
    char name[CHECKPOINT_TENSORS_NAME];
    for (size_t i = 0; i < schema->table_count; i++) {
        snprintf(name, sizeof name, "emb.%s", schema->tables[i].name);
        add_floats(tensors, 2, schema->tables[i].rows, schema->tables[i].dim,
                   &checkpoint->tables[i], name);
    }
    for (size_t i = 0, d = 0; i < schema->count; i++)
        if (schema_is_din(&schema->features[i]))
            add_din(tensors, &checkpoint->din[d++], schema->features[i].name);
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (schema_cells(feature) > 0)
            add(tensors, schema_has_ids(feature) ? SAFETENSORS_U32 : SAFETENSORS_F32, 2,
                checkpoint->golden_rows, schema_cells(feature), &parts->golden_input[i],
                "golden.input.%s", feature->name);
    }
    add_floats(tensors, 1, checkpoint->golden_rows, 0, &checkpoint->golden_logit, "golden.logit");
}
