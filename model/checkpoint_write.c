#include "model/checkpoint.h"
#include "model/checkpoint_tensors.h"
#include "model/manifest.h"
#include "proto/vocab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// What goes into the container, and the memory of what has to be put together for it.
struct outgoing {
    struct checkpoint_parts parts;
    struct checkpoint_tensors list;
    struct safetensors_tensor *tensors;
    void **made; // (made_count)
    size_t made_count;
    struct buf manifest;
};

// Zeroed memory that lives as long as `out`; NULL: none.
static void *make(struct outgoing *out, size_t count, size_t bytes)
{
    void *memory = calloc(count + 1, bytes);
    if (memory != NULL)
        out->made[out->made_count++] = memory;
    return memory;
}

// Golden rows feature by feature.
static MUST_USE enum status put_golden(struct outgoing *out, const struct checkpoint *checkpoint,
                                       size_t f)
{
    const struct schema *schema = &checkpoint->schema;
    const struct schema_feature *feature = &schema->features[f];
    const bool shared = schema_in_shared_cells(feature);
    const union row_cell *block = shared ? checkpoint->golden_shared : checkpoint->golden_row;
    const size_t width = shared ? schema->shared_cells : schema->row_cells;
    const size_t cells = schema_cells(feature);
    union row_cell *values = make(out, checkpoint->golden_rows * cells, sizeof *values);
    if (values == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < checkpoint->golden_rows && cells > 0; i++)
        memcpy(values + i * cells, block + i * width + feature->offset, cells * sizeof *values);
    out->parts.golden_input[f] = values;
    return STATUS_OK;
}

static MUST_USE enum status put_parts(struct outgoing *out, const struct checkpoint *checkpoint)
{
    const struct schema *schema = &checkpoint->schema;
    for (size_t i = 0; i < schema->table_count; i++)
        if (schema->tables[i].vocab != NULL) {
            out->parts.vocab_bytes[i] = vocab_bytes(schema->tables[i].vocab).data;
            out->parts.vocab_offsets[i] = vocab_offsets(schema->tables[i].vocab);
        }
    out->parts.pctr_edges = checkpoint->pctr.edges;
    out->parts.pctr_counts = checkpoint->pctr.counts;
    for (size_t i = 0; i < schema->count; i++) {
        out->parts.edges[i] = schema->features[i].edges;
        TRY(put_golden(out, checkpoint, i));
    }
    return STATUS_OK;
}

static MUST_USE enum status gather(struct checkpoint *checkpoint, struct outgoing *out,
                                   struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    TRY(checkpoint_tensors_parts_init(checkpoint, &out->parts, reterr));
    out->made = calloc(schema->count, sizeof *out->made);
    if (out->made == NULL || put_parts(out, checkpoint) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for golden rows");
    checkpoint_tensors_first(checkpoint, &out->parts, &out->list);
    checkpoint_tensors_rest(checkpoint, &out->parts, &out->list);
    out->tensors = calloc(out->list.count + 1, sizeof *out->tensors);
    if (out->list.out_of_memory || out->tensors == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the list of tensors");
    for (size_t i = 0; i < out->list.count; i++) {
        const struct checkpoint_tensor *from = &out->list.items[i];
        out->tensors[i] = (struct safetensors_tensor){.name = from->name,
                                                      .dtype = from->dtype,
                                                      .rank = from->rank,
                                                      .shape = {from->shape[0], from->shape[1]},
                                                      .data = *from->place};
    }
    return manifest_write(checkpoint, &out->manifest, reterr);
}

enum status checkpoint_write(const char *path, const struct checkpoint *checkpoint,
                             struct diag *reterr)
{
    struct outgoing out = {0};
    struct checkpoint copy = *checkpoint; // its places are listed as places to read from
    buf_init(&out.manifest, SAFETENSORS_MAX_HEADER);
    enum status code = checkpoint_check_shape(checkpoint, reterr);
    if (code == STATUS_OK)
        code = checkpoint_check_numbers(checkpoint, reterr);
    if (code == STATUS_OK)
        code = gather(&copy, &out, reterr);
    if (code == STATUS_OK) {
        const struct safetensors_note notes[] = {
            {"format", checkpoint_format(checkpoint->role)},
            {"manifest", out.manifest.data},
        };
        code = safetensors_write(path, out.tensors, out.list.count, notes, 2, reterr);
    }
    buf_fini(&out.manifest);
    for (size_t i = 0; i < out.made_count; i++)
        free(out.made[i]);
    free(out.made);
    free(out.tensors);
    checkpoint_tensors_fini(&out.list);
    checkpoint_tensors_parts_fini(&out.parts);
    if (code != STATUS_OK)
        diag_in_file(reterr, path);
    return code;
}
