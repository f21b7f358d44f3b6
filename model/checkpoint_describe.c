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

// "at most 50 ids, din with item_id, table item_id of 1000001 x 16"
static void describe_ids(const struct schema *schema, const struct schema_feature *feature,
                         struct buf *out)
{
    static const char *const pools[] = {
        [SCHEMA_SUM] = "sum", [SCHEMA_MEAN] = "mean", [SCHEMA_DIN] = "din with "};
    const struct schema_table *table = &schema->tables[feature->table];
    if (feature->kind == SCHEMA_DENSE)
        buf_printf(out, "number in %" PRIu32 " buckets", feature->edge_count + 1);
    else if (feature->kind == SCHEMA_CROSS)
        buf_printf(out, "cross of %s and %s", feature->cross_of[0], feature->cross_of[1]);
    else if (feature->kind == SCHEMA_ID)
        buf_text(out, "id");
    else
        buf_printf(out, "at most %" PRIu32 " ids, %s%s", feature->size, pools[feature->pool],
                   feature->target_of != NULL ? feature->target_of : "");
    buf_printf(out, ", table %s of %zu x %" PRIu32, table->name, table->rows, table->dim);
}

static void describe_inputs(const struct schema *schema, struct buf *out)
{
    buf_printf(out, "inputs       %zu once a request, %zu for each candidate\n",
               schema->shared_width, schema->row_width);
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        buf_printf(out, "  %-10s %s, ", feature->name, schema_rules_scopes[feature->scope]);
        if (feature->table == SCHEMA_NO_TABLE)
            buf_printf(out, "%" PRIu32 " dense, transform %s", feature->size,
                       schema_rules_transforms[feature->transform]);
        else
            describe_ids(schema, feature, out);
        if (feature->source != SCHEMA_SENT)
            buf_printf(out, ", made from the page (%s)", schema_rules_sources[feature->source]);
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

static void describe_tables(const struct checkpoint *checkpoint, struct buf *out)
{
    const struct schema *schema = &checkpoint->schema;
    const struct checkpoint_attention *attention = &checkpoint->attention;
    size_t rows = 0, numbers = 0;
    for (size_t i = 0; i < schema->table_count; i++) {
        rows += schema->tables[i].rows;
        numbers += schema->tables[i].rows * schema->tables[i].dim;
    }
    if (schema->table_count > 0)
        buf_printf(out, "tables       %zu, %zu rows, %zu numbers\n", schema->table_count, rows,
                   numbers);
    if (attention->hidden_count == 0)
        return;
    buf_printf(out, "attention    of %zu lists", checkpoint->din_count);
    for (size_t k = 0; k < attention->hidden_count; k++)
        buf_printf(out, " -> %zu", attention->hidden[k]);
    buf_printf(out, " -> 1, %s between%s\n", attention->activation == DIN_DICE ? "Dice" : "PReLU",
               attention->softmax ? ", softmax over the list" : "");
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
    describe_tables(checkpoint, out);
    buf_printf(out, "golden rows  %zu, proven at every load\n", checkpoint->golden_rows);
}

static void describe_ranges(const struct checkpoint *checkpoint, struct buf *out)
{
    const struct schema *schema = &checkpoint->schema;
    if (checkpoint->ranges == NULL) {
        buf_text(out, "ranges       none\n");
        return;
    }
    buf_text(out, "ranges       of raw values in the training data\n");
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (!drift_has_range(feature))
            continue;
        const float *low = checkpoint->ranges[i], *high = low + feature->size;
        for (uint32_t k = 0; k < feature->size; k++) {
            buf_printf(out, "  %s", feature->name);
            if (feature->size > 1)
                buf_printf(out, "[%" PRIu32 "]", k);
            buf_printf(out, "  %.6g to %.6g\n", (double)low[k], (double)high[k]);
        }
    }
}

static void describe_histogram(const struct drift_histogram *histogram, struct buf *out)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < histogram->bins; i++)
        sum += histogram->counts[i];
    if (histogram->bins == 0) {
        buf_text(out, "histogram    none\n");
        return;
    }
    buf_printf(out, "histogram    of %" PRIu64 " pCTR in %zu bins\n", sum, histogram->bins);
    for (size_t i = 0; i < histogram->bins; i++) {
        const double low = i == 0 ? 0 : (double)histogram->edges[i - 1];
        const double high = i + 1 == histogram->bins ? 1 : (double)histogram->edges[i];
        buf_printf(out, "  %.7f to %.7f  %" PRIu64 "\n", low, high, histogram->counts[i]);
    }
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
        buf_printf(out, "  %zu-%zu  %s  %s\n", column, column + feature->width - 1, feature->name,
                   feature->privileged ? "privileged" : "served");
        column += feature->width;
        served += feature->privileged ? 0 : feature->width;
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
    describe_ranges(checkpoint, out);
    describe_histogram(&checkpoint->pctr, out);
    TRY(describe_origin(checkpoint, out));
    describe_proof(checkpoint, out);
    return buf_status(out);
}
