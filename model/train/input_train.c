#include "model/train/input_train.h"

#include "base/hash64.h"
#include "base/num.h"
#include "model/embed_pool.h"
#include "model/featurise.h"
#include "model/train/input_grad.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_TRAIN_ALIGN = 64 };

// Zeroed, aligned floats; NULL: no memory.
static float *input_train_floats(size_t rows, size_t columns)
{
    size_t floats, bytes;
    if (!num_mul(rows, columns, &floats) || !num_mul(floats, sizeof(float), &bytes) ||
        bytes > SIZE_MAX / 2)
        return NULL;
    bytes = num_round_up(bytes + 1, INPUT_TRAIN_ALIGN);
    float *memory = aligned_alloc(INPUT_TRAIN_ALIGN, bytes);
    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

MUST_USE static enum status input_train_tables(struct input_train *input, struct diag *reterr)
{
    const struct schema *schema = input->config.schema;
    input->tables = calloc(schema->table_count + 1, sizeof(*input->tables));
    input->values = calloc(schema->table_count + 1, sizeof(*input->values));
    if (input->tables == NULL || input->values == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];
        if (!input_grad_sees(input, &schema->features[table->owner]))
            continue;
        TRY(embed_table_init(&input->tables[i], table->name, table->rows, table->dim,
                             input->config.optimiser, reterr));
        embed_table_draw(&input->tables[i], input->config.seed, input->config.deviation,
                         input->team);
        input->values[i] = input->tables[i].values;
        input->learns = true;
    }
    return STATUS_OK;
}

MUST_USE static enum status input_train_din(struct input_train *input,
                                            const struct schema_feature *feature,
                                            struct input_din *din, struct diag *reterr)
{
    const struct input_train_config *config = &input->config;
    struct din_train_config unit = {
        .dim = feature->width,
        .hidden_count = config->attention.hidden_count,
        .activation = config->attention.activation == DIN_DICE ? DIN_TRAIN_DICE : DIN_TRAIN_PRELU,
        .softmax = config->attention.softmax,
        .shards = config->shards,
        .seed = hash64(feature->name, strlen(feature->name), config->seed),
    };
    for (size_t k = 0; k < unit.hidden_count; k++)
        unit.hidden[k] = config->attention.hidden[k];
    din->feature = feature;
    TRY(din_train_new(&unit, input->team, &din->unit, reterr));
    din_train_init(din->unit);
    size_t floats = din_train_params(din->unit)->floats, behaviours;
    if (!num_mul(config->max_lists, feature->size, &behaviours))
        return diag_set(reterr, STATUS_TOO_LARGE, "too many behaviours in a minibatch");
    din->adam.m = calloc(floats, sizeof(float));
    din->adam.v = calloc(floats, sizeof(float));
    din->offset = calloc(config->max_lists + 1, sizeof(*din->offset));
    din->rows = calloc(behaviours + 1, sizeof(*din->rows));
    din->behaviour = input_train_floats(behaviours, feature->width);
    din->grad_behaviour = input_train_floats(behaviours, feature->width);
    din->grad_target = input_train_floats(config->max_rows, feature->width);
    if (din->adam.m == NULL || din->adam.v == NULL || din->offset == NULL || din->rows == NULL ||
        din->behaviour == NULL || din->grad_behaviour == NULL || din->grad_target == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for \"%s\"", feature->name);
    return STATUS_OK;
}

MUST_USE static enum status input_train_dins(struct input_train *input, struct diag *reterr)
{
    const struct schema *schema = input->config.schema;
    input->din = calloc(schema->count, sizeof(*input->din));
    if (input->din == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < schema->count; i++)
        if (schema_is_din(&schema->features[i]))
            TRY(input_train_din(input, &schema->features[i], &input->din[input->din_count++],
                                reterr));
    return STATUS_OK;
}

MUST_USE static enum status input_train_memory(struct input_train *input, struct diag *reterr)
{
    const struct input_train_config *config = &input->config;
    const struct schema *schema = config->schema;
    size_t longest = 1, cells;
    for (size_t i = 0; i < schema->count; i++)
        if (schema_has_ids(&schema->features[i]) && schema->features[i].size > longest)
            longest = schema->features[i].size;
    size_t most = config->max_rows > config->max_lists ? config->max_rows : config->max_lists;
    input->x = input_train_floats(config->max_rows, input->width);
    input->first = calloc(schema->count, sizeof(*input->first));
    if (input->learns && num_mul(most, longest, &cells)) {
        input->lookup = calloc(cells, sizeof(*input->lookup));
        input->grad = input_train_floats(config->max_rows, input->width);
    }
    if (input->x == NULL || input->first == NULL ||
        (input->learns && (input->lookup == NULL || input->grad == NULL)))
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a minibatch of %zu documents",
                        config->max_rows);
    return STATUS_OK;
}

enum status input_train_init(struct input_train *input, const struct input_train_config *config,
                             struct team *team, struct diag *reterr)
{
    const struct schema *schema = config->schema;
    *input = (struct input_train){.config = *config, .team = team};
    input->width = schema->shared_width + schema->row_width -
                   (config->privileged ? 0 : schema->privileged_width);
    TRY(input_train_tables(input, reterr));
    TRY(input_train_dins(input, reterr));
    return input_train_memory(input, reterr);
}

void input_train_fini(struct input_train *input)
{
    for (size_t i = 0; input->tables != NULL && i < input->config.schema->table_count; i++)
        embed_table_fini(&input->tables[i]);
    for (size_t i = 0; i < input->din_count; i++) {
        struct input_din *din = &input->din[i];
        din_train_free(din->unit);
        free(din->adam.m);
        free(din->adam.v);
        free(din->offset);
        free(din->rows);
        free(din->behaviour);
        free(din->grad_behaviour);
        free(din->grad_target);
    }
    free(input->tables);
    free(input->values);
    free(input->din);
    free(input->first);
    free(input->lookup);
    free(input->x);
    free(input->grad);
    *input = (struct input_train){0};
}

// ---- forward

static size_t input_train_shard(const struct input_train *input, size_t shard)
{
    return input->batch->lists * shard / input->config.shards;
}

// Everything but DIN, for the lists of a shard.
static void input_train_columns(void *context, size_t shard)
{
    struct input_train *input = context;
    const struct minibatch *batch = input->batch;
    const struct schema *schema = input->config.schema;
    const struct featurise featurise = {schema, input->config.kernels, input->values,
                                        input->config.privileged};
    const size_t width = input->width, shared_width = schema->shared_width;
    for (size_t q = input_train_shard(input, shard); q < input_train_shard(input, shard + 1); q++) {
        const size_t first = (size_t)batch->offset[q], n = (size_t)batch->offset[q + 1] - first;
        const union row_cell *shared = batch->shared + q * schema->shared_cells;
        float *x = input->x + first * width;
        featurise_shared(&featurise, shared, x);
        for (size_t i = 1; i < n; i++)
            memcpy(x + i * width, x, shared_width * sizeof(*x));
        featurise_rows(&featurise, shared, batch->cells + first * schema->row_cells, n,
                       x + shared_width, width);
    }
}

// The behaviours of every list, and what the unit makes of them.
MUST_USE static enum status input_train_attend(struct input_train *input, struct input_din *din,
                                               struct diag *reterr)
{
    const struct minibatch *batch = input->batch;
    const struct schema *schema = input->config.schema;
    const struct schema_feature *feature = din->feature;
    const float *table = input->values[feature->table];
    const size_t dim = feature->width;
    uint64_t behaviours = 0;
    for (size_t q = 0; q < batch->lists; q++) {
        const uint32_t *ids = &batch->shared[q * schema->shared_cells + feature->offset].id;
        const size_t n = embed_pool_count(ids, feature->size);
        din->offset[q] = behaviours;
        for (size_t b = 0; b < n; b++, behaviours++) {
            din->rows[behaviours] = ids[b];
            memcpy(din->behaviour + behaviours * dim, table + ids[b] * dim, dim * sizeof(float));
        }
    }
    din->offset[batch->lists] = behaviours;
    din->batch = (struct din_train_batch){
        .lists = batch->lists,
        .row_offset = batch->offset,
        .behaviour_offset = din->offset,
        .behaviour = din->behaviour,
        .target = input->x + schema->shared_width + schema->features[feature->target].column,
        .target_stride = input->width,
    };
    TRY(din_train_reserve(din->unit, &din->batch, reterr));
    din_train_forward(din->unit, &din->batch, input->x + schema->shared_width + feature->column,
                      input->width);
    return STATUS_OK;
}

enum status input_train_forward(struct input_train *input, const struct minibatch *batch,
                                struct diag *reterr)
{
    input->batch = batch;
    team_run(input->team, input->config.shards, input_train_columns, input);
    for (size_t i = 0; i < input->din_count; i++)
        TRY(input_train_attend(input, &input->din[i], reterr));
    if (!input->learns)
        return STATUS_OK;
    memset(input->grad, 0, batch->docs * input->width * sizeof(*input->grad));
    return input_grad_uses(input, reterr);
}

// ---- backward

double input_train_backward(struct input_train *input)
{
    const struct schema *schema = input->config.schema;
    double squares = 0;
    if (!input->learns)
        return 0;
    for (size_t i = 0; i < input->din_count; i++) {
        struct input_din *din = &input->din[i];
        din_train_backward(din->unit, input->grad + schema->shared_width + din->feature->column,
                           input->width, din->grad_behaviour, din->grad_target);
        squares +=
            adam_squares(din_train_params(din->unit), din_train_grads(din->unit), input->team);
    }
    input_grad_scatter(input);
    for (size_t i = 0; i < schema->table_count; i++) {
        if (input->tables[i].rows == 0)
            continue;
        embed_table_collect(&input->tables[i], input->team);
        squares += embed_table_squares(&input->tables[i], input->team);
    }
    return squares;
}

void input_train_update(struct input_train *input, const struct adam_config *config, double lr,
                        double embed_lr, double squares)
{
    for (size_t i = 0; i < input->din_count; i++) {
        struct input_din *din = &input->din[i];
        adam_step(&din->adam, config, lr, squares, din_train_params(din->unit),
                  din_train_values(din->unit), din_train_grads(din->unit), input->team);
    }
    for (size_t i = 0; i < input->config.schema->table_count; i++)
        if (input->tables[i].rows > 0)
            embed_table_update(&input->tables[i], config, embed_lr, squares, input->team);
}
