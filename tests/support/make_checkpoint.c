#include "tests/support/make_checkpoint.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/yamldoc.h"
#include "model/featurise.h"
#include "model/net.h"
#include "model/safetensors.h"

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

static MUST_USE enum status make_schema(const char *features, struct schema *ret_schema,
                                        struct diag *reterr)
{
    struct buf yaml;
    buf_init(&yaml, YAMLDOC_MAX_BYTES);
    char *copy = strdup(features), *rest = NULL;
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
static const float *random_raw(struct rng *rng, float **next, size_t count)
{
    float *values = take(next, count);
    for (size_t i = 0; i < count; i++) {
        double z = rng_normal(rng);
        values[i] = rng_below(rng, 8) == 0 ? 0.0f : row_value(z * exp(z));
    }
    return values;
}

static MUST_USE enum status score_golden(const struct checkpoint *checkpoint, float *logit,
                                         struct diag *reterr)
{
    const struct schema *schema = &checkpoint->schema;
    const struct kernels *scalar = kernels_at(0);
    struct net_layer layers[CHECKPOINT_MAX_LAYERS];
    for (size_t k = 0; k < checkpoint->layer_count; k++)
        layers[k] = (struct net_layer){checkpoint->layers[k].weight, checkpoint->layers[k].bias,
                                       checkpoint->layers[k].in, checkpoint->layers[k].out};
    struct net *net = NULL;
    TRY(net_new(layers, checkpoint->layer_count, schema->shared_width, scalar, &net, reterr));
    struct arena arena;
    size_t floats = schema->shared_width + schema->row_width + net_shared_floats(net);
    enum status code =
        arena_init(&arena, floats * sizeof(float) + net_scratch_bytes(net) + 8 * ARENA_ALIGN);
    if (code == STATUS_OK) {
        float *shared = arena_array(&arena, schema->shared_width, sizeof *shared);
        float *row = arena_array(&arena, schema->row_width, sizeof *row);
        float *init = arena_array(&arena, net_shared_floats(net), sizeof *init);
        void *scratch = arena_alloc(&arena, net_scratch_bytes(net));
        for (size_t i = 0; i < checkpoint->golden_rows; i++) {
            featurise_shared(schema, scalar, checkpoint->golden_shared + i * schema->shared_width,
                             shared);
            featurise_rows(schema, scalar, checkpoint->golden_row + i * schema->row_width, 1, row);
            net_shared(net, shared, init);
            net_forward(net, init, row, 1, &logit[i], scratch);
        }
        arena_fini(&arena);
    }
    net_free(net);
    return code;
}

static MUST_USE enum status fill(const struct make_checkpoint *spec, struct checkpoint *checkpoint,
                                 struct diag *reterr)
{
    TRY(make_schema(spec->features, &checkpoint->schema, reterr));
    set_widths(spec, checkpoint);
    const struct schema *schema = &checkpoint->schema;
    const size_t rows = CHECKPOINT_GOLDEN_ROWS;
    size_t floats = rows * (schema->shared_width + schema->row_width + 1);
    for (size_t k = 0; k < checkpoint->layer_count; k++)
        floats += checkpoint->layers[k].out * (checkpoint->layers[k].in + 1);
    float *next = calloc(floats, sizeof *next);
    checkpoint->owned = next;
    if (next == NULL || asprintf(&checkpoint->lineage, "{\"method\":\"random\",\"seed\":%llu}",
                                 (unsigned long long)spec->seed) < 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu numbers", floats);

    struct rng rng;
    rng_start(&rng, spec->seed, RNG_TEST, 0, 0);
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        struct checkpoint_layer *layer = &checkpoint->layers[k];
        double deviation = sqrt(2.0 / (double)(layer->in + layer->out));
        layer->weight = random_floats(&rng, &next, layer->out * layer->in, deviation);
        layer->bias = random_floats(&rng, &next, layer->out, 0.1);
    }
    checkpoint->golden_rows = rows;
    checkpoint->golden_shared = random_raw(&rng, &next, rows * schema->shared_width);
    checkpoint->golden_row = random_raw(&rng, &next, rows * schema->row_width);
    float *logit = take(&next, rows);
    checkpoint->golden_logit = logit;
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
    if (asprintf(&features, "%s,%s", spec->features, extra_feature) < 0)
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
