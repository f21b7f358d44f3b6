#include "model/checkpoint_read.h"

#include "base/num.h"
#include "model/checkpoint_tensors.h"
#include "model/manifest.h"
#include "proto/vocab.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MUST_USE enum status read_role(const struct safetensors *file, struct checkpoint *checkpoint,
                                      struct diag *reterr)
{
    const char *format = safetensors_note(file, "format");
    if (format == NULL)
        return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "format is missing");
    for (unsigned i = CHECKPOINT_STUDENT; i <= CHECKPOINT_TEACHER; i++)
        if (strcmp(format, checkpoint_format((enum checkpoint_role)i)) == 0) {
            checkpoint->role = (enum checkpoint_role)i;
            return STATUS_OK;
        }
    return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "format \"%.32s\" is not %s or %s",
                        format, checkpoint_format(CHECKPOINT_STUDENT),
                        checkpoint_format(CHECKPOINT_TEACHER));
}

// Room for what hangs on the schema, the widths of every attention filled in.
static MUST_USE enum status make_room(struct checkpoint *checkpoint, bool ranges,
                                      struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    const struct checkpoint_attention *attention = &checkpoint->attention;
    checkpoint->tables = calloc(schema->table_count + 1, sizeof *checkpoint->tables);
    checkpoint->vocabs = calloc(schema->table_count + 1, sizeof *checkpoint->vocabs);
    checkpoint->din = calloc(schema->count, sizeof *checkpoint->din);
    if (ranges)
        checkpoint->ranges = calloc(schema->count, sizeof *checkpoint->ranges);
    if (checkpoint->tables == NULL || checkpoint->vocabs == NULL || checkpoint->din == NULL ||
        (ranges && checkpoint->ranges == NULL))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the tables");
    for (size_t i = 0; i < schema->count; i++)
        if (schema_is_din(&schema->features[i]))
            checkpoint_attention_shape(attention, schema->features[i].width,
                                       &checkpoint->din[checkpoint->din_count++]);
    return STATUS_OK;
}

static MUST_USE enum status read_manifest(const struct safetensors *file,
                                          struct checkpoint *checkpoint, struct diag *reterr)
{
    const char *text = safetensors_note(file, "manifest");
    if (text == NULL)
        return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "manifest is missing");
    struct manifest manifest = {0};
    TRY(manifest_read(span_of(text), &manifest, reterr));
    checkpoint->schema = manifest.schema;
    checkpoint->calibrate = manifest.calibrate;
    checkpoint->attention = manifest.attention;
    checkpoint->lineage = manifest.lineage;
    checkpoint->pctr.bins = manifest.bins;
    checkpoint->layer_count = manifest.layer_count;
    for (size_t k = 0; k < manifest.layer_count; k++) {
        checkpoint->layers[k].in = manifest.widths[k];
        checkpoint->layers[k].out = manifest.widths[k + 1];
    }
    TRY(make_room(checkpoint, manifest.ranges, reterr));
    return checkpoint_check_shape(checkpoint, reterr);
}

// Finds the listed tensors from `first` on and puts down where their data are.
static MUST_USE enum status read_tensors(const struct safetensors *file,
                                         struct checkpoint_tensors *tensors, size_t first,
                                         struct diag *reterr)
{
    if (tensors->out_of_memory)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the list of tensors");
    for (size_t i = first; i < tensors->count; i++) {
        struct checkpoint_tensor *want = &tensors->items[i];
        const struct safetensors_tensor *tensor = NULL;
        TRY(safetensors_need(file, want->name, want->dtype, want->rank, want->shape, &tensor,
                             reterr));
        *want->place = tensor->data;
    }
    return STATUS_OK;
}

// The size of a part of a vocabulary, which was found before.
static size_t vocab_size(const struct safetensors *file, const char *table, const char *part)
{
    char text[CHECKPOINT_TENSORS_NAME];
    snprintf(text, sizeof text, "vocab.%s.%s", table, part);
    return safetensors_find(file, text)->shape[0];
}

static MUST_USE enum status take_edges(const struct safetensors *file,
                                       struct schema_feature *feature, const float *edges,
                                       struct diag *reterr)
{
    char name[CHECKPOINT_TENSORS_NAME];
    snprintf(name, sizeof name, "bucket.%s", feature->name);
    const size_t count = safetensors_find(file, name)->shape[0];
    bool good = count < feature->quantiles;
    for (size_t i = 0; good && i < count; i++)
        good = isfinite(edges[i]) && (i == 0 || edges[i] > edges[i - 1]);
    if (!good)
        return diag_at_path(reterr, STATUS_CORRUPT, name,
                            "is not less than %u finite, ascending edges", feature->quantiles);
    feature->edges = malloc(count * sizeof *edges);
    if (feature->edges == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for edges");
    memcpy(feature->edges, edges, count * sizeof *edges);
    feature->edge_count = (uint32_t)count;
    return STATUS_OK;
}

static MUST_USE enum status take_vocab(const struct safetensors *file,
                                       struct checkpoint *checkpoint, size_t table,
                                       const struct checkpoint_parts *parts, struct diag *reterr)
{
    const char *owner = checkpoint->schema.tables[table].name;
    const uint64_t *offsets = parts->vocab_offsets[table];
    const size_t count = vocab_size(file, owner, "offsets") - 1;
    const size_t bytes = vocab_size(file, owner, "bytes");
    char name[CHECKPOINT_TENSORS_NAME];
    struct diag inner = {0};
    snprintf(name, sizeof name, "vocab.%s.offsets", owner);
    if (offsets[0] != 0 || offsets[count] != bytes)
        return diag_at_path(reterr, STATUS_CORRUPT, name, "the vocabulary's offsets do not fit");
    for (size_t i = 0; i < count; i++)
        if (offsets[i] > offsets[i + 1])
            return diag_at_path(reterr, STATUS_CORRUPT, name,
                                "the vocabulary's offsets do not ascend");
    enum status code =
        vocab_new(parts->vocab_bytes[table], offsets, count, &checkpoint->vocabs[table], &inner);
    if (code != STATUS_OK)
        return diag_at_path(reterr, code, name, "%s", inner.words);
    checkpoint->schema.tables[table].vocab = checkpoint->vocabs[table];
    return STATUS_OK;
}

static void take_histogram(struct drift_histogram *histogram, const struct checkpoint_parts *parts)
{
    if (parts->pctr_edges != NULL)
        memcpy(histogram->edges, parts->pctr_edges,
               (histogram->bins - 1) * sizeof *histogram->edges);
    if (parts->pctr_counts != NULL)
        memcpy(histogram->counts, parts->pctr_counts, histogram->bins * sizeof *histogram->counts);
}

// Histogram, edges and vocabularies, and with these the sizes of the tables.
static MUST_USE enum status read_fitted(const struct safetensors *file,
                                        struct checkpoint *checkpoint,
                                        const struct checkpoint_parts *parts, struct diag *reterr)
{
    struct schema *schema = &checkpoint->schema;
    take_histogram(&checkpoint->pctr, parts);
    for (size_t i = 0; i < schema->count; i++)
        if (parts->edges[i] != NULL)
            TRY(take_edges(file, &schema->features[i], parts->edges[i], reterr));
    for (size_t i = 0; i < schema->table_count; i++)
        if (parts->vocab_offsets[i] != NULL)
            TRY(take_vocab(file, checkpoint, i, parts, reterr));
    schema_share_vocabs(schema);
    return schema_size_tables(schema, reterr);
}

// The file keeps golden inputs by feature, the scorer wants them by row.
static MUST_USE enum status read_golden(struct checkpoint *checkpoint, size_t rows,
                                        const struct checkpoint_parts *parts, struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    if (rows > CHECKPOINT_GOLDEN_ROWS)
        return diag_at_path(reterr, STATUS_CORRUPT, "golden.logit", "%zu rows are more than %d",
                            rows, (int)CHECKPOINT_GOLDEN_ROWS);
    // At most 8 rows of 65536 cells: no product can overflow.
    union row_cell *owned =
        calloc(rows * (schema->shared_cells + schema->row_cells) + 1, sizeof *owned);
    if (owned == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the golden rows");
    checkpoint->owned = owned;
    checkpoint->golden_rows = rows;
    checkpoint->golden_shared = owned;
    checkpoint->golden_row = owned + rows * schema->shared_cells;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        const bool shared = schema_in_shared_cells(feature);
        const size_t cells = schema_cells(feature);
        const size_t width = shared ? schema->shared_cells : schema->row_cells;
        union row_cell *block = owned + (shared ? 0 : rows * schema->shared_cells);
        const union row_cell *from = parts->golden_input[f];
        for (size_t i = 0; i < rows && cells > 0; i++)
            memcpy(block + i * width + feature->offset, from + i * cells, cells * sizeof *from);
    }
    return STATUS_OK;
}

// Every known tensor was found, and names are unique: so a larger count means a foreign one.
static MUST_USE enum status check_no_other(const struct safetensors *file,
                                           const struct checkpoint *checkpoint,
                                           const struct checkpoint_tensors *tensors,
                                           struct diag *reterr)
{
    for (size_t i = 0; i < file->count && file->count > tensors->count; i++) {
        size_t k = 0;
        while (k < tensors->count && strcmp(file->tensors[i].name, tensors->items[k].name) != 0)
            k++;
        if (k == tensors->count)
            return diag_at_path(reterr, STATUS_CORRUPT, file->tensors[i].name,
                                "a %s has no such tensor by its manifest",
                                checkpoint_role_text(checkpoint->role));
    }
    return STATUS_OK;
}

static MUST_USE enum status read_parts(const struct safetensors *file,
                                       struct checkpoint *checkpoint,
                                       struct checkpoint_parts *parts,
                                       struct checkpoint_tensors *tensors, struct diag *reterr)
{
    checkpoint_tensors_first(checkpoint, parts, tensors);
    TRY(read_tensors(file, tensors, 0, reterr));
    TRY(read_fitted(file, checkpoint, parts, reterr));
    const size_t first = tensors->count;
    checkpoint_tensors_rest(checkpoint, parts, tensors);
    // How many golden rows there are, golden.logit says.
    const struct safetensors_tensor *logit = NULL;
    size_t any = 0;
    TRY(safetensors_need(file, "golden.logit", SAFETENSORS_F32, 1, &any, &logit, reterr));
    for (size_t i = first; i < tensors->count; i++)
        if (strncmp(tensors->items[i].name, "golden.", 7) == 0)
            tensors->items[i].shape[0] = logit->shape[0];
    TRY(read_tensors(file, tensors, first, reterr));
    TRY(read_golden(checkpoint, logit->shape[0], parts, reterr));
    return check_no_other(file, checkpoint, tensors, reterr);
}

enum status checkpoint_read(const struct safetensors *file, struct checkpoint *checkpoint,
                            struct diag *reterr)
{
    struct checkpoint_parts parts;
    struct checkpoint_tensors tensors = {0};
    TRY(read_role(file, checkpoint, reterr));
    TRY(read_manifest(file, checkpoint, reterr));
    TRY(checkpoint_tensors_parts_init(checkpoint, &parts, reterr));
    enum status code = read_parts(file, checkpoint, &parts, &tensors, reterr);
    checkpoint_tensors_fini(&tensors);
    checkpoint_tensors_parts_fini(&parts);
    TRY(code);
    TRY(checkpoint_check_numbers(checkpoint, reterr));
    snprintf(checkpoint->sha256, sizeof checkpoint->sha256, "%s", safetensors_note(file, "sha256"));
    return STATUS_OK;
}
