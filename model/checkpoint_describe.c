#include "model/checkpoint.h"
#include "model/schema_rules.h"
#include "proto/json_value.h"

#include <inttypes.h>
#include <stdbool.h>

// "1-10, 16-136"
static void describe_columns(const struct schema_feature *feature, struct buf *out)
{
    const uint32_t *columns = feature->columns;
    for (uint32_t i = 0, end; i < feature->size; i = end) {
        end = i + 1;
        while (end < feature->size && columns[end] == columns[end - 1] + 1)
            end++;
        buf_printf(out, "%s%" PRIu32, i > 0 ? ", " : "", columns[i]);
        if (end - i > 1)
            buf_printf(out, "-%" PRIu32, columns[end - 1]);
    }
}

static void describe_inputs(const struct schema *schema, struct buf *out)
{
    buf_printf(out, "inputs       %zu once a request, %zu for each candidate\n",
               schema->shared_width, schema->row_width);
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        buf_printf(out, "  %-10s %s, %" PRIu32 " dense, transform %s", feature->name,
                   schema_rules_scopes[feature->scope], feature->size,
                   schema_rules_transforms[feature->transform]);
        if (feature->source == SCHEMA_PAGE)
            buf_text(out, ", made from the page");
        if (feature->privileged)
            buf_text(out, ", privileged");
        if (feature->has_default)
            buf_printf(out, ", default %.9g", (double)feature->fallback);
        if (feature->columns != NULL) {
            buf_text(out, ", LETOR columns ");
            describe_columns(feature, out);
        }
        buf_char(out, '\n');
    }
}

static void describe_layers(const struct checkpoint *checkpoint, struct buf *out)
{
    size_t numbers = 0;
    buf_printf(out, "layers       %zu", checkpoint->layers[0].in);
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        const struct checkpoint_layer *layer = &checkpoint->layers[k];
        buf_printf(out, " -> %zu", layer->out);
        numbers += layer->out * (layer->in + 1);
    }
    buf_printf(out, ", ReLU between, fp32, %zu numbers\n", numbers);
    buf_printf(out, "golden rows  %zu, proven at every load\n", checkpoint->golden_rows);
}

static MUST_USE enum status describe_origin(const struct checkpoint *checkpoint, struct buf *out)
{
    buf_text(out, "calibration  ");
    calibrate_describe(&checkpoint->calibrate, out);
    buf_text(out, "\nlineage      ");
    struct json_value *lineage = NULL;
    if (checkpoint->lineage == NULL) {
        buf_text(out, "none\n");
        return STATUS_OK;
    }
    TRY(json_value_parse(span_of(checkpoint->lineage), &lineage, NULL));
    enum status code = json_value_write(lineage, 2, out);
    json_value_free(lineage);
    buf_char(out, '\n');
    return code;
}

// Column by column: what the first layer reads, and where it comes from.
static void describe_proof(const struct checkpoint *checkpoint, struct buf *out)
{
    const struct schema *schema = &checkpoint->schema;
    size_t column = 0, served = 0;
    buf_printf(out, "proof        the first layer (mlp.0.weight) reads %zu columns:\n",
               checkpoint->layers[0].in);
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        buf_printf(out, "  %zu-%zu  %s  %s\n", column, column + feature->size - 1, feature->name,
                   feature->privileged ? "privileged" : "served");
        column += feature->size;
        served += feature->privileged ? 0 : feature->size;
    }
    if (served == checkpoint->layers[0].in)
        buf_printf(out, "  %zu of %zu columns are served: no privileged input is there\n", served,
                   column);
    else
        buf_printf(out, "  %zu of %zu columns are privileged: this model cannot serve\n",
                   column - served, column);
}

enum status checkpoint_describe(const struct checkpoint *checkpoint, struct buf *out)
{
    buf_printf(out, "role         %s (%s)\n", checkpoint_role_text(checkpoint->role),
               checkpoint_format(checkpoint->role));
    buf_printf(out, "sha256       %s\n", checkpoint->sha256);
    describe_inputs(&checkpoint->schema, out);
    describe_layers(checkpoint, out);
    TRY(describe_origin(checkpoint, out));
    describe_proof(checkpoint, out);
    return buf_status(out);
}
