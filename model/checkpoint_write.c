#include "model/checkpoint.h"
#include "model/manifest.h"
#include "model/safetensors.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor_name {
    char text[96];
};

// What goes into the container: tensors in the order of the network, golden rows behind.
struct outgoing {
    struct safetensors_tensor *tensors;
    struct tensor_name *names;
    size_t count;
    float *golden; // inputs, feature by feature
    struct buf manifest;
};

static void add_tensor(struct outgoing *out, size_t rank, size_t rows, size_t columns,
                       const float *data)
{
    out->tensors[out->count] = (struct safetensors_tensor){
        .name = out->names[out->count].text,
        .dtype = SAFETENSORS_F32,
        .rank = rank,
        .shape = {rows, columns},
        .data = data,
    };
    out->count++;
}

static void add_layers(struct outgoing *out, const struct checkpoint *checkpoint)
{
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        const struct checkpoint_layer *layer = &checkpoint->layers[k];
        snprintf(out->names[out->count].text, sizeof out->names->text, "mlp.%zu.weight", k);
        add_tensor(out, 2, layer->out, layer->in, layer->weight);
        snprintf(out->names[out->count].text, sizeof out->names->text, "mlp.%zu.bias", k);
        add_tensor(out, 1, layer->out, 0, layer->bias);
    }
}

static void add_knots(struct outgoing *out, const struct calibrate *calibrate)
{
    const struct {
        const char *name;
        const double *values;
    } parts[] = {{"cal.x", calibrate->x}, {"cal.y", calibrate->y}};
    for (size_t i = 0; i < 2 && calibrate->knots > 0; i++)
        out->tensors[out->count++] = (struct safetensors_tensor){.name = parts[i].name,
                                                                 .dtype = SAFETENSORS_F64,
                                                                 .rank = 1,
                                                                 .shape = {calibrate->knots},
                                                                 .data = parts[i].values};
}

static void add_golden(struct outgoing *out, const struct checkpoint *checkpoint)
{
    const struct schema *schema = &checkpoint->schema;
    size_t rows = checkpoint->golden_rows, columns = 0;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        bool in_shared = columns < schema->shared_width;
        const float *block = in_shared ? checkpoint->golden_shared : checkpoint->golden_row;
        size_t width = in_shared ? schema->shared_width : schema->row_width;
        float *values = out->golden + rows * columns;
        for (size_t i = 0; i < rows; i++)
            memcpy(values + i * feature->size, block + i * width + feature->offset,
                   feature->size * sizeof *values);
        snprintf(out->names[out->count].text, sizeof out->names->text, "golden.input.%s",
                 feature->name);
        add_tensor(out, 2, rows, feature->size, values);
        columns += feature->size;
    }
    snprintf(out->names[out->count].text, sizeof out->names->text, "golden.logit");
    add_tensor(out, 1, rows, 0, checkpoint->golden_logit);
}

static MUST_USE enum status gather(const struct checkpoint *checkpoint, struct outgoing *out,
                                   struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    const size_t knots = checkpoint->calibrate.knots > 0 ? 2 : 0;
    const size_t count = 2 * checkpoint->layer_count + knots + schema->count + 1;
    out->tensors = calloc(count, sizeof *out->tensors);
    out->names = calloc(count, sizeof *out->names);
    out->golden = calloc(checkpoint->golden_rows * (schema->shared_width + schema->row_width),
                         sizeof *out->golden);
    if (out->tensors == NULL || out->names == NULL || out->golden == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu tensors", count);
    add_layers(out, checkpoint);
    add_knots(out, &checkpoint->calibrate);
    add_golden(out, checkpoint);
    assert(out->count == count);
    return manifest_write(checkpoint, &out->manifest, reterr);
}

enum status checkpoint_write(const char *path, const struct checkpoint *checkpoint,
                             struct diag *reterr)
{
    struct outgoing out = {0};
    buf_init(&out.manifest, SAFETENSORS_MAX_HEADER);
    enum status code = checkpoint_check_shape(checkpoint, reterr);
    if (code == STATUS_OK)
        code = checkpoint_check_numbers(checkpoint, reterr);
    if (code == STATUS_OK)
        code = gather(checkpoint, &out, reterr);
    if (code == STATUS_OK) {
        const struct safetensors_note notes[] = {
            {"format", checkpoint_format(checkpoint->role)},
            {"manifest", out.manifest.data},
        };
        code = safetensors_write(path, out.tensors, out.count, notes, 2, reterr);
    }
    buf_fini(&out.manifest);
    free(out.golden);
    free(out.names);
    free(out.tensors);
    if (code != STATUS_OK)
        diag_in_file(reterr, path);
    return code;
}
