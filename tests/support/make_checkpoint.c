#include "tests/support/make_checkpoint.h"

#include "base/file.h"
#include "base/rng.h"
#include "base/yamldoc.h"
#include "model/safetensors.h"
#include "model/scorer.h"
#include "tests/support/make_checkpoint_fit.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char extra_feature[] = "f_hidden:item:1:privileged";

// One feature of the list as a line of YAML.
static void feature_yaml(char *text, struct buf *yaml)
{
    char *rest = NULL;
    const char *name = strtok_r(text, ":", &rest), *scope = strtok_r(NULL, ":", &rest);
    const char *size = strtok_r(NULL, ":", &rest);
    buf_printf(yaml, "- {name: %s, scope: %s, kind: dense, size: %s", name ? name : "?",
               scope ? scope : "?", size ? size : "?");
    for (const char *word = strtok_r(NULL, ":", &rest); word; word = strtok_r(NULL, ":", &rest)) {
        if (strcmp(word, "log1p") == 0)
            buf_text(yaml, ", transform: log1p");
        else if (strcmp(word, "privileged") == 0)
            buf_text(yaml, ", privileged: true");
        else if (strcmp(word, "default") == 0)
            buf_text(yaml, ", default: 0");
        else
            buf_printf(yaml, ", %s: true", word); // refused by the schema, by name
    }
    buf_text(yaml, "}\n");
}

static MUST_USE enum status make_schema(const struct make_checkpoint *spec,
                                        struct schema *ret_schema, struct diag *reterr)
{
    struct buf yaml;
    buf_init(&yaml, YAMLDOC_MAX_BYTES);
    if (spec->yaml != NULL)
        buf_text(&yaml, spec->yaml);
    char *copy = strdup(spec->features != NULL ? spec->features : ""), *rest = NULL;
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    for (char *one = strtok_r(copy, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
        feature_yaml(one, &yaml);
    free(copy);
    struct yamldoc *doc = NULL;
    enum status code = buf_status(&yaml);
    if (code == STATUS_OK)
        code = yamldoc_parse(buf_view(&yaml), "features", &doc, reterr);
    if (code == STATUS_OK)
        code = schema_from_yaml(yamldoc_root(doc), "features", ret_schema, reterr);
    yamldoc_free(doc);
    buf_fini(&yaml);
    return code;
}

static void set_widths(const struct make_checkpoint *spec, struct checkpoint *checkpoint)
{
    size_t in = checkpoint->schema.shared_width + checkpoint->schema.row_width;
    checkpoint->layer_count = spec->hidden_count + 1;
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        checkpoint->layers[k].in = in;
        checkpoint->layers[k].out = k < spec->hidden_count ? spec->hidden[k] : 1;
        in = checkpoint->layers[k].out;
    }
}

static float *take(float **next, size_t count)
{
    float *taken = *next;
    *next += count;
    return taken;
}

static const float *random_floats(struct rng *rng, float **next, size_t count, double deviation)
{
    float *values = take(next, count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(deviation * rng_normal(rng));
    return values;
}

// Heavy-tailed, both signs, some zeros, as raw features are.
static float random_raw(struct rng *rng)
{
    double z = rng_normal(rng);
    return rng_below(rng, 8) == 0 ? 0.0f : row_value(z * exp(z));
}

static void fill_layers(struct checkpoint *checkpoint, struct rng *rng, float **next)
{
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        struct checkpoint_layer *layer = &checkpoint->layers[k];
        double deviation = sqrt(2.0 / (double)(layer->in + layer->out));
        layer->weight = random_floats(rng, next, layer->out * layer->in, deviation);
        layer->bias = random_floats(rng, next, layer->out, 0.1);
    }
}

static void fill_tables(struct checkpoint *checkpoint, struct rng *rng, float **next)
{
    for (size_t i = 0; i < checkpoint->schema.table_count; i++) {
        const struct schema_table *table = &checkpoint->schema.tables[i];
        checkpoint->tables[i] = take(next, table->dim); // row 0 stays zero
        random_floats(rng, next, (table->rows - 1) * table->dim, 0.5);
    }
}

static void fill_din(struct din_weights *din, struct rng *rng, float **next)
{
    const size_t first = din->layers[0].out * din->dim;
    din->a = random_floats(rng, next, first, 0.5);
    din->b = random_floats(rng, next, first, 0.5);
    din->c = random_floats(rng, next, first, 0.5);
    for (size_t k = 0; k < din->layer_count; k++) {
        struct din_layer *layer = &din->layers[k];
        if (k > 0)
            layer->weight = random_floats(rng, next, layer->out * layer->in, 0.5);
        layer->bias = random_floats(rng, next, layer->out, 0.1);
        if (k + 1 == din->layer_count)
            continue;
        layer->kappa = random_floats(rng, next, layer->out, 0.3);
        if (din->activation != DIN_DICE)
            continue;
        layer->mean = random_floats(rng, next, layer->out, 0.3);
        float *var = take(next, layer->out);
        for (size_t j = 0; j < layer->out; j++)
            var[j] = (float)(0.1 + rng_uniform(rng));
        layer->var = var;
    }
}

// Of every number that is sent the same range, and a flat histogram.
static MUST_USE enum status fill_drift(const struct make_checkpoint *spec,
                                       struct checkpoint *checkpoint, float **next)
{
    const struct schema *schema = &checkpoint->schema;
    checkpoint->pctr.bins = spec->histogram ? DRIFT_BINS : 0;
    for (size_t i = 0; i < checkpoint->pctr.bins; i++) {
        checkpoint->pctr.counts[i] = 50;
        if (i > 0)
            checkpoint->pctr.edges[i - 1] = (float)i / DRIFT_BINS;
    }
    if (spec->range == NULL)
        return STATUS_OK;
    checkpoint->ranges = calloc(schema->count, sizeof *checkpoint->ranges);
    if (checkpoint->ranges == NULL)
        return STATUS_NO_MEMORY;
    for (size_t f = 0; f < schema->count; f++) {
        const size_t size = schema->features[f].size;
        if (!drift_has_range(&schema->features[f]))
            continue;
        float *range = take(next, 2 * size);
        checkpoint->ranges[f] = range;
        for (size_t i = 0; i < 2 * size; i++)
            range[i] = spec->range[i / size];
    }
    return STATUS_OK;
}

// At most what is taken above and below.
static size_t count_floats(const struct checkpoint *checkpoint)
{
    const struct schema *schema = &checkpoint->schema;
    size_t floats = CHECKPOINT_GOLDEN_ROWS * (schema->shared_cells + schema->row_cells + 1) +
                    2 * (schema->shared_cells + schema->row_cells);
    for (size_t k = 0; k < checkpoint->layer_count; k++)
        floats += checkpoint->layers[k].out * (checkpoint->layers[k].in + 1);
    for (size_t i = 0; i < schema->table_count; i++)
        floats += schema->tables[i].rows * schema->tables[i].dim;
    for (size_t i = 0; i < checkpoint->din_count; i++)
        for (size_t k = 0; k < checkpoint->din[i].layer_count; k++)
            floats += checkpoint->din[i].layers[k].out * (checkpoint->din[i].layers[k].in + 4);
    return floats;
}

// Raw values of a feature in a row; a list has 0 .. size ids.
static void random_values(const struct schema *schema, const struct schema_feature *feature,
                          struct rng *rng, union row_cell *cells)
{
    size_t count = schema_cells(feature);
    if (feature->kind == SCHEMA_ID_LIST)
        count = (size_t)rng_below(rng, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!schema_has_ids(feature))
            cells[i].number = random_raw(rng);
        else if (feature->kind == SCHEMA_ID_LIST)
            cells[i].id = 1 + (uint32_t)rng_below(rng, schema->tables[feature->table].rows - 1);
        else
            cells[i].id = (uint32_t)rng_below(rng, schema->tables[feature->table].rows);
    }
}

// (golden rows, cells of the shared block or of a row)
static const union row_cell *random_cells(const struct checkpoint *checkpoint, bool shared,
                                          struct rng *rng, float **next)
{
    const struct schema *schema = &checkpoint->schema;
    const size_t width = shared ? schema->shared_cells : schema->row_cells;
    union row_cell *cells = (union row_cell *)take(next, CHECKPOINT_GOLDEN_ROWS * width);
    for (size_t i = 0; i < CHECKPOINT_GOLDEN_ROWS; i++)
        for (size_t f = 0; f < schema->count; f++)
            if (schema_in_shared_cells(&schema->features[f]) == shared)
                random_values(schema, &schema->features[f], rng,
                              cells + i * width + schema->features[f].offset);
    return cells;
}

static MUST_USE enum status set_attention(const struct make_checkpoint *spec,
                                          struct checkpoint *checkpoint, struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    checkpoint->tables = calloc(schema->table_count + 1, sizeof *checkpoint->tables);
    checkpoint->din = calloc(schema->count, sizeof *checkpoint->din);
    if (checkpoint->tables == NULL || checkpoint->din == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the tables");
    for (size_t i = 0; i < schema->count; i++)
        if (schema_is_din(&schema->features[i]))
            checkpoint_attention_shape(&spec->attention, schema->features[i].width,
                                       &checkpoint->din[checkpoint->din_count++]);
    if (checkpoint->din_count > 0)
        checkpoint->attention = spec->attention;
    return STATUS_OK;
}

static MUST_USE enum status score_golden(const struct checkpoint *checkpoint, float *logit,
                                         struct diag *reterr)
{
    struct scorer scorer = {.checkpoint = *checkpoint, .kernels = kernels_at(0)};
    TRY(scorer_make(&scorer, reterr));
    enum status code = scorer_golden(&scorer, logit, reterr);
    scorer_unmake(&scorer);
    return code;
}

static MUST_USE enum status fill(const struct make_checkpoint *spec, struct checkpoint *checkpoint,
                                 struct diag *reterr)
{
    TRY(make_schema(spec, &checkpoint->schema, reterr));
    TRY(make_checkpoint_fit(checkpoint, reterr));
    set_widths(spec, checkpoint);
    TRY(set_attention(spec, checkpoint, reterr));
    const size_t rows = CHECKPOINT_GOLDEN_ROWS;
    size_t floats = count_floats(checkpoint);
    float *next = calloc(floats, sizeof *next);
    checkpoint->owned = next;
    if (next == NULL || asprintf(&checkpoint->lineage, "{\"method\":\"random\",\"seed\":%llu}",
                                 (unsigned long long)spec->seed) < 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu numbers", floats);

    struct rng rng;
    rng_start(&rng, spec->seed, RNG_TEST, 0, 0);
    fill_layers(checkpoint, &rng, &next);
    fill_tables(checkpoint, &rng, &next);
    for (size_t i = 0; i < checkpoint->din_count; i++)
        fill_din(&checkpoint->din[i], &rng, &next);
    checkpoint->golden_rows = rows;
    checkpoint->golden_shared = random_cells(checkpoint, true, &rng, &next);
    checkpoint->golden_row = random_cells(checkpoint, false, &rng, &next);
    float *logit = take(&next, rows);
    checkpoint->golden_logit = logit;
    if (fill_drift(spec, checkpoint, &next) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for ranges");
    return score_golden(checkpoint, logit, reterr);
}

enum status make_checkpoint(const struct make_checkpoint *spec, struct checkpoint *ret_checkpoint,
                            struct diag *reterr)
{
    struct checkpoint checkpoint = {.role = spec->role};
    enum status code = fill(spec, &checkpoint, reterr);
    if (code == STATUS_OK)
        *ret_checkpoint = checkpoint;
    else
        checkpoint_fini(&checkpoint);
    return code;
}

enum status make_checkpoint_file(const char *path, const struct make_checkpoint *spec,
                                 struct diag *reterr)
{
    struct checkpoint checkpoint;
    TRY(make_checkpoint(spec, &checkpoint, reterr));
    enum status code = checkpoint_write(path, &checkpoint, reterr);
    checkpoint_fini(&checkpoint);
    return code;
}

// Hostile files are honest ones of a teacher, changed in place.

static void call_it_student(unsigned char *data, size_t size)
{
    unsigned char *format = memmem(data, size, "ctr-teacher-1", 13);
    if (format != NULL)
        memcpy(format, "ctr-student-1", 13);
}

// Blanks `,{...}` of the privileged feature, the last of the list, in the manifest's text.
static void hide_feature(unsigned char *data, size_t size)
{
    unsigned char *name = memmem(data, size, "\\\"f_hidden\\\"", 12);
    if (name == NULL)
        return;
    unsigned char *begin = name, *end = name;
    while (begin > data && *begin != '{')
        begin--;
    while (end < data + size - 1 && *end != '}')
        end++;
    begin--; // the comma
    memset(begin, ' ', (size_t)(end + 1 - begin));
}

static MUST_USE enum status make_hostile(const char *path, const struct make_checkpoint *spec,
                                         bool hide, struct diag *reterr)
{
    struct make_checkpoint teacher = *spec;
    teacher.role = CHECKPOINT_TEACHER;
    char *features = NULL;
    if (asprintf(&features, "%s%s%s", spec->features != NULL ? spec->features : "",
                 spec->features != NULL ? "," : "", extra_feature) < 0)
        return STATUS_NO_MEMORY;
    teacher.features = features;
    enum status code = make_checkpoint_file(path, &teacher, reterr);
    free(features);
    TRY(code);
    struct file_bytes bytes = {0};
    TRY(file_read(path, checkpoint_max_bytes, 0, &bytes, reterr));
    call_it_student(bytes.data, bytes.size);
    if (hide)
        hide_feature(bytes.data, bytes.size);
    if (!safetensors_seal(bytes.data, bytes.size))
        code = STATUS_INTERNAL;
    else
        code = file_write_atomic(path, bytes.data, bytes.size, reterr);
    file_free(&bytes);
    return code;
}

enum status make_checkpoint_widened(const char *path, const struct make_checkpoint *spec,
                                    struct diag *reterr)
{
    return make_hostile(path, spec, true, reterr);
}

enum status make_checkpoint_disguised(const char *path, const struct make_checkpoint *spec,
                                      struct diag *reterr)
{
    return make_hostile(path, spec, false, reterr);
}
