#include "model/checkpoint.h"

#include "model/manifest.h"
#include "model/safetensors.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENSOR_NAME = 96 }; // "golden.input." and the longest name of a feature

static const char *const formats[] = {
    [CHECKPOINT_STUDENT] = "ctr-student-1",
    [CHECKPOINT_TEACHER] = "ctr-teacher-1",
};

const char *checkpoint_format(enum checkpoint_role role)
{
    return formats[role];
}

const char *checkpoint_role_text(enum checkpoint_role role)
{
    return role == CHECKPOINT_STUDENT ? "student" : "teacher";
}

void checkpoint_fini(struct checkpoint *checkpoint)
{
    schema_fini(&checkpoint->schema);
    free(checkpoint->lineage);
    free(checkpoint->owned);
    file_free(&checkpoint->bytes);
    *checkpoint = (struct checkpoint){0};
}

// A student is what serves: nothing that only the trainer knows may reach it.
static MUST_USE enum status check_student(const struct checkpoint *checkpoint, struct diag *reterr)
{
    for (size_t i = 0; i < checkpoint->schema.count; i++)
        if (checkpoint->schema.features[i].privileged)
            return diag_set(reterr, STATUS_CORRUPT, "a student has the privileged feature \"%s\"",
                            checkpoint->schema.features[i].name);
    return STATUS_OK;
}

enum status checkpoint_check_shape(const struct checkpoint *checkpoint, struct diag *reterr)
{
    if (checkpoint->role == CHECKPOINT_STUDENT)
        TRY(check_student(checkpoint, reterr));
    size_t count = checkpoint->layer_count;
    if (count < 1 || count > CHECKPOINT_MAX_LAYERS)
        return diag_set(reterr, STATUS_CORRUPT, "%zu layers are not in 1..%d", count,
                        (int)CHECKPOINT_MAX_LAYERS);
    size_t columns = checkpoint->schema.shared_width + checkpoint->schema.row_width;
    if (checkpoint->layers[0].in > columns)
        return diag_set(reterr, STATUS_CORRUPT,
                        "the first layer is wider than the %s inputs: it reads %zu columns, the "
                        "features have %zu",
                        checkpoint->role == CHECKPOINT_STUDENT ? "served" : "declared",
                        checkpoint->layers[0].in, columns);
    if (checkpoint->layers[0].in < columns)
        return diag_set(reterr, STATUS_CORRUPT,
                        "the first layer reads %zu columns, the features have %zu",
                        checkpoint->layers[0].in, columns);
    for (size_t k = 1; k < count; k++)
        if (checkpoint->layers[k].in != checkpoint->layers[k - 1].out)
            return diag_set(reterr, STATUS_CORRUPT,
                            "layer %zu reads %zu values, layer %zu gives %zu", k,
                            checkpoint->layers[k].in, k - 1, checkpoint->layers[k - 1].out);
    if (checkpoint->layers[count - 1].out != 1)
        return diag_set(reterr, STATUS_CORRUPT, "the last layer gives %zu values, not one logit",
                        checkpoint->layers[count - 1].out);
    return STATUS_OK;
}

static MUST_USE enum status check_finite(const char *what, const float *values, size_t count,
                                         struct diag *reterr)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return diag_at_path(reterr, STATUS_CORRUPT, what, "value %zu is not finite", i);
    return STATUS_OK;
}

static MUST_USE enum status check_raw(const char *what, const float *values, size_t count,
                                      struct diag *reterr)
{
    TRY(check_finite(what, values, count, reterr));
    for (size_t i = 0; i < count; i++)
        if (row_value((double)values[i]) != values[i])
            return diag_at_path(reterr, STATUS_CORRUPT, what, "value %zu is out of range", i);
    return STATUS_OK;
}

// A feature's golden rows; faults count values in their row. What is sent is in the range of raw
// values; what is made of the page need not be: a deviation of large negative values may be large.
static MUST_USE enum status check_row_feature(const struct checkpoint *checkpoint,
                                              const struct schema_feature *feature,
                                              struct diag *reterr)
{
    if (feature->scope != ROW_ITEM && !feature->privileged)
        return STATUS_OK;
    char name[128];
    snprintf(name, sizeof name, "golden.input.%s", feature->name);
    for (size_t row = 0; row < checkpoint->golden_rows; row++) {
        const float *values =
            checkpoint->golden_row + row * checkpoint->schema.row_width + feature->offset;
        TRY(feature->source == SCHEMA_PAGE ? check_finite(name, values, feature->size, reterr)
                                           : check_raw(name, values, feature->size, reterr));
    }
    return STATUS_OK;
}

enum status checkpoint_check_numbers(const struct checkpoint *checkpoint, struct diag *reterr)
{
    char name[TENSOR_NAME];
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        const struct checkpoint_layer *layer = &checkpoint->layers[k];
        snprintf(name, sizeof name, "mlp.%zu.weight", k);
        TRY(check_finite(name, layer->weight, layer->out * layer->in, reterr));
        snprintf(name, sizeof name, "mlp.%zu.bias", k);
        TRY(check_finite(name, layer->bias, layer->out, reterr));
    }
    TRY(calibrate_check(&checkpoint->calibrate, reterr));
    size_t rows = checkpoint->golden_rows;
    if (rows < 1 || rows > CHECKPOINT_GOLDEN_ROWS)
        return diag_set(reterr, STATUS_CORRUPT, "%zu golden rows are not in 1..%d", rows,
                        (int)CHECKPOINT_GOLDEN_ROWS);
    TRY(check_raw("golden.input", checkpoint->golden_shared, rows * checkpoint->schema.shared_width,
                  reterr));
    for (size_t i = 0; i < checkpoint->schema.count; i++)
        TRY(check_row_feature(checkpoint, &checkpoint->schema.features[i], reterr));
    return check_finite("golden.logit", checkpoint->golden_logit, rows, reterr);
}

static MUST_USE enum status read_role(const struct safetensors *file, struct checkpoint *checkpoint,
                                      struct diag *reterr)
{
    const char *format = safetensors_note(file, "format");
    if (format == NULL)
        return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "format is missing");
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(format, formats[i]) == 0) {
            checkpoint->role = (enum checkpoint_role)i;
            return STATUS_OK;
        }
    return diag_at_path(reterr, STATUS_CORRUPT, "__metadata__", "format \"%.32s\" is not %s or %s",
                        format, formats[0], formats[1]);
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
    checkpoint->lineage = manifest.lineage;
    checkpoint->layer_count = manifest.layer_count;
    for (size_t k = 0; k < manifest.layer_count; k++) {
        checkpoint->layers[k].in = manifest.widths[k];
        checkpoint->layers[k].out = manifest.widths[k + 1];
    }
    return checkpoint_check_shape(checkpoint, reterr);
}

static MUST_USE enum status read_floats(const struct safetensors *file, const char *name,
                                        size_t rank, const size_t *shape, const float **ret_values,
                                        struct diag *reterr)
{
    const struct safetensors_tensor *tensor = NULL;
    TRY(safetensors_need(file, name, SAFETENSORS_F32, rank, shape, &tensor, reterr));
    *ret_values = tensor->data;
    return STATUS_OK;
}

static MUST_USE enum status read_layers(const struct safetensors *file,
                                        struct checkpoint *checkpoint, struct diag *reterr)
{
    char name[TENSOR_NAME];
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        struct checkpoint_layer *layer = &checkpoint->layers[k];
        size_t shape[] = {layer->out, layer->in};
        snprintf(name, sizeof name, "mlp.%zu.weight", k);
        TRY(read_floats(file, name, 2, shape, &layer->weight, reterr));
        snprintf(name, sizeof name, "mlp.%zu.bias", k);
        TRY(read_floats(file, name, 1, shape, &layer->bias, reterr));
    }
    return STATUS_OK;
}

static MUST_USE enum status read_knots(const struct safetensors *file,
                                       struct checkpoint *checkpoint, struct diag *reterr)
{
    struct calibrate *calibrate = &checkpoint->calibrate;
    const struct safetensors_tensor *x = NULL, *y = NULL;
    if (calibrate->knots == 0)
        return STATUS_OK;
    const size_t *shape = &calibrate->knots;
    TRY(safetensors_need(file, "cal.x", SAFETENSORS_F64, 1, shape, &x, reterr));
    TRY(safetensors_need(file, "cal.y", SAFETENSORS_F64, 1, shape, &y, reterr));
    calibrate->x = x->data;
    calibrate->y = y->data;
    return STATUS_OK;
}

// The file keeps golden inputs by feature, the scorer wants them by row.
static MUST_USE enum status read_golden_inputs(const struct safetensors *file,
                                               const struct checkpoint *checkpoint, float *shared,
                                               float *row, struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    const float *values = NULL;
    char name[TENSOR_NAME];
    size_t columns = 0;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        size_t shape[] = {checkpoint->golden_rows, feature->size};
        snprintf(name, sizeof name, "golden.input.%s", feature->name);
        TRY(read_floats(file, name, 2, shape, &values, reterr));
        bool in_shared = columns < schema->shared_width;
        size_t width = in_shared ? schema->shared_width : schema->row_width;
        float *block = (in_shared ? shared : row) + feature->offset;
        for (size_t i = 0; i < checkpoint->golden_rows; i++)
            memcpy(block + i * width, values + i * feature->size, feature->size * sizeof *values);
        columns += feature->size;
    }
    return STATUS_OK;
}

static MUST_USE enum status read_golden(const struct safetensors *file,
                                        struct checkpoint *checkpoint, struct diag *reterr)
{
    const struct safetensors_tensor *logit = NULL;
    size_t any = 0;
    TRY(safetensors_need(file, "golden.logit", SAFETENSORS_F32, 1, &any, &logit, reterr));
    size_t rows = logit->shape[0];
    if (rows > CHECKPOINT_GOLDEN_ROWS)
        return diag_at_path(reterr, STATUS_CORRUPT, "golden.logit", "%zu rows are more than %d",
                            rows, (int)CHECKPOINT_GOLDEN_ROWS);
    // At most 8 rows of 65536 columns: no product can overflow.
    size_t shared_width = checkpoint->schema.shared_width;
    float *owned = calloc(rows * (shared_width + checkpoint->schema.row_width), sizeof *owned);
    if (owned == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the golden rows");
    checkpoint->owned = owned;
    checkpoint->golden_rows = rows;
    checkpoint->golden_logit = logit->data;
    checkpoint->golden_shared = owned;
    checkpoint->golden_row = owned + rows * shared_width;
    return read_golden_inputs(file, checkpoint, owned, owned + rows * shared_width, reterr);
}

static bool is_known(const struct checkpoint *checkpoint, const char *name)
{
    char known[TENSOR_NAME];
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        snprintf(known, sizeof known, "mlp.%zu.weight", k);
        if (strcmp(name, known) == 0)
            return true;
        snprintf(known, sizeof known, "mlp.%zu.bias", k);
        if (strcmp(name, known) == 0)
            return true;
    }
    if (checkpoint->calibrate.knots > 0 &&
        (strcmp(name, "cal.x") == 0 || strcmp(name, "cal.y") == 0))
        return true;
    static const char golden[] = "golden.input.";
    if (strncmp(name, golden, sizeof golden - 1) == 0)
        return schema_find(&checkpoint->schema, name + sizeof golden - 1) != NULL;
    return strcmp(name, "golden.logit") == 0;
}

// Every known tensor was found, and names are unique: so a larger count means a foreign one.
static MUST_USE enum status check_no_other(const struct safetensors *file,
                                           const struct checkpoint *checkpoint, struct diag *reterr)
{
    const size_t knots = checkpoint->calibrate.knots > 0 ? 2 : 0;
    if (file->count == 2 * checkpoint->layer_count + knots + checkpoint->schema.count + 1)
        return STATUS_OK;
    size_t i = 0;
    while (i + 1 < file->count && is_known(checkpoint, file->tensors[i].name))
        i++;
    return diag_at_path(reterr, STATUS_CORRUPT, file->tensors[i].name,
                        "a %s has no such tensor by its manifest",
                        checkpoint_role_text(checkpoint->role));
}

static MUST_USE enum status read_all(const struct safetensors *file, struct checkpoint *checkpoint,
                                     struct diag *reterr)
{
    TRY(read_role(file, checkpoint, reterr));
    TRY(read_manifest(file, checkpoint, reterr));
    TRY(read_layers(file, checkpoint, reterr));
    TRY(read_knots(file, checkpoint, reterr));
    TRY(read_golden(file, checkpoint, reterr));
    TRY(check_no_other(file, checkpoint, reterr));
    TRY(checkpoint_check_numbers(checkpoint, reterr));
    snprintf(checkpoint->sha256, sizeof checkpoint->sha256, "%s", safetensors_note(file, "sha256"));
    return STATUS_OK;
}

enum status checkpoint_parse(struct file_bytes *bytes, const char *name,
                             struct checkpoint *ret_checkpoint, struct diag *reterr)
{
    struct safetensors file = {0};
    struct checkpoint checkpoint = {0};
    enum status code = safetensors_parse(bytes->data, bytes->size, &file, reterr);
    if (code == STATUS_OK) {
        code = read_all(&file, &checkpoint, reterr);
        safetensors_fini(&file);
    }
    if (code != STATUS_OK) {
        checkpoint_fini(&checkpoint);
        diag_in_file(reterr, name);
        return code;
    }
    checkpoint.bytes = *bytes;
    *bytes = (struct file_bytes){0};
    *ret_checkpoint = checkpoint;
    return STATUS_OK;
}

enum status checkpoint_load(const char *path, struct checkpoint *ret_checkpoint,
                            struct diag *reterr)
{
    struct file_bytes bytes = {0};
    TRY(file_read(path, CHECKPOINT_MAX_BYTES, 0, &bytes, reterr));
    enum status code = checkpoint_parse(&bytes, path, ret_checkpoint, reterr);
    file_free(&bytes);
    return code;
}
