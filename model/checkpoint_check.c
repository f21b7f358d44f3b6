// The law of a checkpoint: shapes and numbers.
#include "model/checkpoint.h"

#include "proto/vocab.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TENSOR_NAME = 96 };

// A student is what serves: nothing that only the trainer knows may reach it.
static MUST_USE enum status check_student(const struct checkpoint *checkpoint, struct diag *reterr)
{
    for (size_t i = 0; i < checkpoint->schema.count; i++)
        if (checkpoint->schema.features[i].privileged)
            return diag_set(reterr, STATUS_CORRUPT, "a student has the privileged feature \"%s\"",
                            checkpoint->schema.features[i].name);
    return STATUS_OK;
}

// Features with DIN, and what the attention of each is made of.
static MUST_USE enum status check_attention(const struct checkpoint *checkpoint,
                                            struct diag *reterr)
{
    const struct checkpoint_attention *attention = &checkpoint->attention;
    size_t count = 0;
    for (size_t i = 0; i < checkpoint->schema.count; i++)
        count += schema_is_din(&checkpoint->schema.features[i]);
    if (count != checkpoint->din_count || (count > 0) != (attention->hidden_count > 0) ||
        attention->hidden_count >= DIN_MAX_LAYERS)
        return diag_set(reterr, STATUS_CORRUPT,
                        "%zu features of pool din, and an attention of %zu hidden layers", count,
                        attention->hidden_count);
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
    TRY(check_attention(checkpoint, reterr));
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

// Cells of one feature in one golden row. What is sent is in the range of raw values; what is made
// of the page need not be: a deviation of large negative values may be large. A bucketed number may
// be missing.
static MUST_USE enum status check_cells(const struct checkpoint *checkpoint,
                                        const struct schema_feature *feature,
                                        const union row_cell *cells, struct diag *reterr)
{
    char name[TENSOR_NAME];
    snprintf(name, sizeof name, "golden.input.%s", feature->name);
    for (uint32_t i = 0; i < schema_cells(feature); i++) {
        const float x = cells[i].number;
        if (schema_has_ids(feature)) {
            if (cells[i].id >= checkpoint->schema.tables[feature->table].rows)
                return diag_at_path(reterr, STATUS_CORRUPT, name,
                                    "value %u is no row of table \"%s\"", i,
                                    checkpoint->schema.tables[feature->table].name);
        } else if (isnan(x) && feature->quantiles > 0) {
            continue;
        } else if (!isfinite(x)) {
            return diag_at_path(reterr, STATUS_CORRUPT, name, "value %u is not finite", i);
        } else if (feature->source == SCHEMA_SENT && row_value((double)x) != x) {
            return diag_at_path(reterr, STATUS_CORRUPT, name, "value %u is out of range", i);
        }
    }
    return STATUS_OK;
}

static MUST_USE enum status check_golden(const struct checkpoint *checkpoint, struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    const size_t rows = checkpoint->golden_rows;
    if (rows < 1 || rows > CHECKPOINT_GOLDEN_ROWS)
        return diag_set(reterr, STATUS_CORRUPT, "%zu golden rows are not in 1..%d", rows,
                        (int)CHECKPOINT_GOLDEN_ROWS);
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        const bool shared = schema_in_shared_cells(feature);
        const union row_cell *block = shared ? checkpoint->golden_shared : checkpoint->golden_row;
        const size_t width = shared ? schema->shared_cells : schema->row_cells;
        for (size_t i = 0; i < rows && schema_cells(feature) > 0; i++)
            TRY(check_cells(checkpoint, feature, block + i * width + feature->offset, reterr));
    }
    return check_finite("golden.logit", checkpoint->golden_logit, rows, reterr);
}

struct din_part {
    const char *name;
    const float *values; // NULL: not there
    size_t count;
    bool in_front; // of the layers
    bool at_least_0;
};

static MUST_USE enum status check_din_parts(const char *feature, size_t layer,
                                            const struct din_part *parts, size_t count,
                                            struct diag *reterr)
{
    for (size_t i = 0; i < count; i++) {
        char name[TENSOR_NAME];
        const bool bare = layer == 0 && strcmp(parts[i].name, "bias") == 0;
        if (parts[i].in_front || bare)
            snprintf(name, sizeof name, "din.%s.%s", feature, parts[i].name);
        else
            snprintf(name, sizeof name, "din.%s.%zu.%s", feature, layer, parts[i].name);
        if (parts[i].values == NULL)
            continue;
        TRY(check_finite(name, parts[i].values, parts[i].count, reterr));
        for (size_t j = 0; parts[i].at_least_0 && j < parts[i].count; j++)
            if (parts[i].values[j] < 0)
                return diag_at_path(reterr, STATUS_CORRUPT, name, "value %zu is below 0", j);
    }
    return STATUS_OK;
}

// What din_new refuses too, but here as a damaged file, by the name of the tensor.
static MUST_USE enum status check_din(const char *feature, const struct din_weights *din,
                                      struct diag *reterr)
{
    for (size_t k = 0; k < din->layer_count; k++) {
        const struct din_layer *layer = &din->layers[k];
        const size_t first = k == 0 ? layer->out * din->dim : 0;
        const struct din_part parts[] = {
            {"a", k == 0 ? din->a : NULL, first, true, false},
            {"b", k == 0 ? din->b : NULL, first, true, false},
            {"c", k == 0 ? din->c : NULL, first, true, false},
            {"weight", layer->weight, layer->out * layer->in, false, false},
            {"bias", layer->bias, layer->out, false, false},
            {"kappa", layer->kappa, layer->out, false, false},
            {"mean", layer->mean, layer->out, false, false},
            {"var", layer->var, layer->out, false, true},
        };
        TRY(check_din_parts(feature, k, parts, sizeof parts / sizeof parts[0], reterr));
    }
    return STATUS_OK;
}

static MUST_USE enum status check_dins(const struct checkpoint *checkpoint, struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    for (size_t i = 0, d = 0; i < schema->count; i++)
        if (schema_is_din(&schema->features[i]))
            TRY(check_din(schema->features[i].name, &checkpoint->din[d++], reterr));
    return STATUS_OK;
}

static MUST_USE enum status check_tables(const struct checkpoint *checkpoint, struct diag *reterr)
{
    for (size_t i = 0; i < checkpoint->schema.table_count; i++) {
        const struct schema_table *table = &checkpoint->schema.tables[i];
        const float *values = checkpoint->tables[i];
        char name[TENSOR_NAME];
        snprintf(name, sizeof name, "emb.%s", table->name);
        TRY(check_finite(name, values, table->rows * table->dim, reterr));
        for (uint32_t k = 0; k < table->dim; k++)
            if (values[k] != 0)
                return diag_at_path(reterr, STATUS_CORRUPT, name,
                                    "row 0, which stands for no id, is not zero");
    }
    return STATUS_OK;
}

static MUST_USE enum status check_drift(const struct checkpoint *checkpoint, struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    for (size_t i = 0; checkpoint->ranges != NULL && i < schema->count; i++)
        if (drift_has_range(&schema->features[i]))
            TRY(drift_check_range(&schema->features[i], checkpoint->ranges[i], reterr));
    return drift_check(&checkpoint->pctr, reterr);
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
    TRY(check_tables(checkpoint, reterr));
    TRY(check_dins(checkpoint, reterr));
    TRY(check_drift(checkpoint, reterr));
    return check_golden(checkpoint, reterr);
}
