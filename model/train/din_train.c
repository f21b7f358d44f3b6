#include "model/train/din_train.h"

#include "base/num.h"
#include "base/rng.h"
#include "model/train/din_step.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)DIN_TRAIN_MAX_LAYERS == (int)DIN_STEP_MAX_HIDDEN, "one limit");

enum {
    BLOCK_ALIGN = 64,
    ALIGN_FLOATS = 16,
    MAX_BLOCKS = 16 + 2 * (DIN_TRAIN_MAX_LAYERS + 1),
    MAX_WIDTH = 1 << 16,
    MAX_PAIRS = 1 << 30,
    INIT_UNIT = 1, // the second counter of RNG_INIT, which is 0 for a network
};

// What a minibatch has a number of: the arrays of each stand in one block that grows.
enum axis { AXIS_LIST, AXIS_ROW, AXIS_BEHAVIOUR, AXIS_PAIR, AXIS_COUNT };

struct din_train {
    struct din_train_config config;
    struct param_set params, stats;
    float *values, *stat_values;
    struct din_step step;
    float *fold_values, *fold_stats, *fold_first; // copies; (3, h, dim): a, b, c
    bool forward;                                 // a forward waits for its backward

    void *grown[AXIS_COUNT];
    size_t room[AXIS_COUNT]; // in numbers of the axis
    void *blocks[MAX_BLOCKS];
    size_t block_count;
    bool out_of_memory;
};

// ---- memory and names ----

// NULL when there is none or it cannot be counted.
static void *aligned(size_t rows, size_t columns, size_t bytes)
{
    size_t size;
    if (!num_mul(rows, columns, &size) || !num_mul(size, bytes, &size) ||
        !num_add(size, BLOCK_ALIGN, &size))
        return NULL;
    return aligned_alloc(BLOCK_ALIGN, num_round_up(size, BLOCK_ALIGN));
}

// Zeroed memory of the unit. NULL and a mark when there is none, so that the maker looks once.
static void *take(struct din_train *din, size_t rows, size_t columns, size_t bytes)
{
    void *block = din->out_of_memory ? NULL : aligned(rows, columns, bytes);
    if (!block) {
        din->out_of_memory = true;
        return NULL;
    }
    memset(block, 0, rows * columns * bytes);
    assert(din->block_count < MAX_BLOCKS);
    din->blocks[din->block_count++] = block;
    return block;
}

// Returns where the tensor begins, floats.
static size_t declare(struct param_set *set, const char *layer, const char *what, size_t rows,
                      size_t columns)
{
    char name[PARAM_NAME];
    (void)snprintf(name, sizeof name, "%s.%s", layer, what);
    return set->views[param_declare(set, name, rows, columns, strcmp(what, "weight") == 0)].offset;
}

static void declare_stage(struct din_train *din, size_t k)
{
    struct din_stage *stage = &din->step.stages[k];
    size_t in = stage->linear.in, out = stage->linear.out;
    bool last = k + 1 == din->step.stage_count;
    char layer[PARAM_NAME] = "out";
    if (!last)
        (void)snprintf(layer, sizeof layer, "layer.%zu", k);
    stage->weight = declare(&din->params, layer, "weight", out, in);
    stage->bias = declare(&din->params, layer, "bias", 1, out);
    if (last)
        return;
    stage->kappa = declare(&din->params, layer, "kappa", 1, out);
    if (!din->step.dice)
        return;
    stage->mean = declare(&din->stats, layer, "mean", 1, out);
    stage->var = declare(&din->stats, layer, "var", 1, out);
}

static void size_stages(struct din_train *din)
{
    const struct din_train_config *config = &din->config;
    struct din_step *step = &din->step;
    step->stage_count = config->hidden_count + 1;
    for (size_t k = 0; k < step->stage_count; k++) {
        struct layer_linear *linear = &step->stages[k].linear;
        linear->in = k == 0 ? 4 * config->dim : config->hidden[k - 1];
        linear->out = k < config->hidden_count ? config->hidden[k] : 1;
        step->widest = linear->out > step->widest ? linear->out : step->widest;
        if (linear->in * linear->out > step->largest)
            step->largest = num_round_up(linear->in * linear->out, ALIGN_FLOATS);
        declare_stage(din, k);
    }
    step->floats = din->params.floats;
}

static void take_stage(struct din_train *din, size_t k)
{
    struct din_stage *stage = &din->step.stages[k];
    size_t units = stage->linear.out;
    bool dice = din->step.dice && k < din->config.hidden_count;
    double *doubles = dice ? take(din, 2, units, sizeof *doubles) : NULL;
    float *floats = dice ? take(din, 3, units, sizeof *floats) : NULL;
    if (din->out_of_memory)
        return;
    stage->linear.weight = din->values + stage->weight;
    stage->linear.bias = din->values + stage->bias;
    stage->prelu = (struct layer_prelu){units, din->values + stage->kappa};
    if (!dice)
        return;
    stage->dice = (struct layer_dice){.bn = {.units = units,
                                             .mean = doubles,
                                             .var = doubles + units,
                                             .mean_high = floats,
                                             .mean_low = floats + units,
                                             .inverse = floats + 2 * units},
                                      .kappa = din->values + stage->kappa};
    stage->running_mean = din->stat_values + stage->mean;
    stage->running_var = din->stat_values + stage->var;
}

static void take_all(struct din_train *din)
{
    struct din_step *step = &din->step;
    size_t floats = step->floats, widest = step->widest, first = step->stages[0].linear.out;
    din->values = take(din, 1, floats, sizeof *din->values);
    din->stat_values = take(din, 1, din->stats.floats, sizeof *din->stat_values);
    din->fold_values = take(din, 1, floats, sizeof *din->fold_values);
    din->fold_stats = take(din, 1, din->stats.floats, sizeof *din->fold_stats);
    din->fold_first = take(din, 3 * first, step->dim, sizeof *din->fold_first);
    step->a = take(din, first, step->dim, sizeof *step->a);
    step->b = take(din, first, step->dim, sizeof *step->b);
    step->grads = take(din, 1, floats, sizeof *step->grads);
    step->shard_grads = take(din, step->shards - 1, floats, sizeof *step->shard_grads);
    step->scratch = take(din, step->shards, step->largest, sizeof *step->scratch);
    step->sums =
        take(din, 1, din_step_sums(step->shards, step->stage_count, widest), sizeof *step->sums);
    step->tile_sum = take(din, step->shards, widest, sizeof *step->tile_sum);
    step->mean_h = take(din, 1, widest, sizeof *step->mean_h);
    step->mean_hx = take(din, 1, widest, sizeof *step->mean_hx);
    step->shard_list = take(din, 1, step->shards + 1, sizeof *step->shard_list);
    for (size_t k = 0; k < step->stage_count; k++)
        take_stage(din, k);
}

static enum status check_config(const struct din_train_config *config, struct diag *reterr)
{
    if (config->dim == 0 || config->dim > MAX_WIDTH / 4)
        return diag_set(reterr, STATUS_CONFIG, "%zu numbers of an embedding: 1 to %d", config->dim,
                        MAX_WIDTH / 4);
    if (config->hidden_count == 0 || config->hidden_count > DIN_TRAIN_MAX_LAYERS)
        return diag_set(reterr, STATUS_CONFIG, "%zu hidden layers of the attention: 1 to %d",
                        config->hidden_count, DIN_TRAIN_MAX_LAYERS);
    for (size_t k = 0; k < config->hidden_count; k++)
        if (config->hidden[k] == 0 || config->hidden[k] > MAX_WIDTH)
            return diag_set(reterr, STATUS_CONFIG,
                            "hidden layer %zu of the attention has %zu units: 1 to %d", k,
                            config->hidden[k], MAX_WIDTH);
    if (config->shards == 0 || config->shards > MAX_WIDTH)
        return diag_set(reterr, STATUS_CONFIG, "%zu shards: 1 to %d", config->shards, MAX_WIDTH);
    return STATUS_OK;
}

enum status din_train_new(const struct din_train_config *config, struct team *team,
                          struct din_train **ret_din, struct diag *reterr)
{
    TRY(check_config(config, reterr));
    struct din_train *din = calloc(1, sizeof *din);
    if (!din)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the attention");
    din->config = *config;
    din->step.team = team;
    din->step.shards = config->shards;
    din->step.dim = config->dim;
    din->step.dice = config->activation == DIN_TRAIN_DICE;
    din->step.softmax = config->softmax;
    size_stages(din);
    take_all(din);
    if (din->out_of_memory) {
        din_train_free(din);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the attention");
    }
    *ret_din = din;
    return STATUS_OK;
}

void din_train_free(struct din_train *din)
{
    if (!din)
        return;
    for (size_t axis = 0; axis < AXIS_COUNT; axis++)
        free(din->grown[axis]);
    for (size_t i = 0; i < din->block_count; i++)
        free(din->blocks[i]);
    free(din);
}

const struct param_set *din_train_params(const struct din_train *din)
{
    return &din->params;
}

float *din_train_values(struct din_train *din)
{
    return din->values;
}

float *din_train_grads(struct din_train *din)
{
    return din->step.grads;
}

const struct param_set *din_train_stats(const struct din_train *din)
{
    return &din->stats;
}

float *din_train_stat_values(struct din_train *din)
{
    return din->stat_values;
}

static void init_stage(struct din_train *din, size_t k)
{
    const struct din_stage *stage = &din->step.stages[k];
    size_t in = stage->linear.in, out = stage->linear.out;
    struct rng rng;
    rng_start(&rng, din->config.seed, RNG_INIT, (uint32_t)k, INIT_UNIT);
    double deviation = sqrt(2 / (double)(in + out)), bound = 1 / sqrt((double)in);
    for (size_t i = 0; i < in * out; i++)
        din->values[stage->weight + i] = (float)(deviation * rng_normal(&rng));
    for (size_t j = 0; j < out; j++)
        din->values[stage->bias + j] = (float)(bound * (2 * rng_uniform(&rng) - 1));
    if (k + 1 == din->step.stage_count)
        return;
    for (size_t j = 0; j < out; j++)
        din->values[stage->kappa + j] = din->step.dice ? LAYER_DICE_KAPPA : LAYER_PRELU_KAPPA;
    for (size_t j = 0; din->step.dice && j < out; j++) {
        stage->running_mean[j] = 0;
        stage->running_var[j] = 1;
    }
}

void din_train_init(struct din_train *din)
{
    for (size_t k = 0; k < din->step.stage_count; k++)
        init_stage(din, k);
}

// ---- a step ----

static size_t pair_floats(const struct din_step *step) // of one pair
{
    size_t floats = step->dim + 2 + (step->softmax ? 1 : 0); // product, score and its gradient
    for (size_t k = 0; k + 1 < step->stage_count; k++)
        floats += 2 * step->stages[k].linear.out;
    return floats;
}

// Cuts `count` numbers for each of `room` off the block at *next.
static float *cut(float **next, size_t room, size_t count)
{
    float *part = *next;
    *next += room * count;
    return part;
}

static void lay_out(struct din_train *din, enum axis axis)
{
    struct din_step *step = &din->step;
    size_t room = din->room[axis], h = step->stages[0].linear.out;
    if (axis == AXIS_LIST) {
        step->pairs.pair_offset = din->grown[axis];
        return;
    }
    float *next = din->grown[axis];
    if (axis == AXIS_ROW) {
        step->row_part = cut(&next, room, h);
    } else if (axis == AXIS_BEHAVIOUR) {
        step->behaviour_part = cut(&next, room, h);
        step->behaviour_pool = cut(&next, room, step->dim);
    } else {
        step->product = cut(&next, room, step->dim);
        for (size_t k = 0; k < step->stage_count; k++) {
            struct din_stage *stage = &step->stages[k];
            stage->z = cut(&next, room, stage->linear.out);
            stage->y = k + 1 < step->stage_count ? cut(&next, room, stage->linear.out) : NULL;
        }
        step->grad_score = cut(&next, room, 1);
        step->weight = step->softmax ? cut(&next, room, 1) : step->stages[step->stage_count - 1].z;
    }
}

static enum status grow(struct din_train *din, enum axis axis, size_t count, struct diag *reterr)
{
    const struct din_step *step = &din->step;
    size_t h = step->stages[0].linear.out;
    const size_t bytes[AXIS_COUNT] = {
        [AXIS_LIST] = sizeof *step->pairs.pair_offset,
        [AXIS_ROW] = h * sizeof(float),
        [AXIS_BEHAVIOUR] = (h + step->dim) * sizeof(float),
        [AXIS_PAIR] = pair_floats(step) * sizeof(float),
    };
    if (din->room[axis] > 0 && count <= din->room[axis])
        return STATUS_OK;
    // Some more than asked for: minibatches differ a little.
    size_t room = num_round_up(count + count / 8 + 1, ALIGN_FLOATS);
    free(din->grown[axis]);
    din->room[axis] = 0;
    din->forward = false;
    din->grown[axis] = aligned(1, room, bytes[axis]);
    if (!din->grown[axis])
        return diag_set(reterr, STATUS_NO_MEMORY,
                        "no memory for a minibatch of the attention: smaller ones need less");
    din->room[axis] = room;
    lay_out(din, axis);
    return STATUS_OK;
}

static enum status count_pairs(const struct din_train_batch *batch, size_t *ret_pairs,
                               struct diag *reterr)
{
    size_t pairs = 0, product;
    for (size_t l = 0; l < batch->lists; l++) {
        size_t rows = batch->row_offset[l + 1] - batch->row_offset[l];
        size_t behaviours = batch->behaviour_offset[l + 1] - batch->behaviour_offset[l];
        if (!num_mul(rows, behaviours, &product) || !num_add(pairs, product, &pairs) ||
            pairs > MAX_PAIRS)
            return diag_set(reterr, STATUS_TOO_LARGE,
                            "a minibatch has more than %d pairs of rows and behaviours: make it "
                            "smaller, or the histories shorter",
                            MAX_PAIRS);
    }
    *ret_pairs = pairs;
    return STATUS_OK;
}

enum status din_train_reserve(struct din_train *din, const struct din_train_batch *batch,
                              struct diag *reterr)
{
    size_t pairs, rows = batch->row_offset[batch->lists];
    size_t behaviours = batch->behaviour_offset[batch->lists];
    TRY(count_pairs(batch, &pairs, reterr));
    if (batch->lists > MAX_PAIRS || rows > MAX_PAIRS || behaviours > MAX_PAIRS)
        return diag_set(reterr, STATUS_TOO_LARGE,
                        "a minibatch has more than %d lists, rows or behaviours", MAX_PAIRS);
    TRY(grow(din, AXIS_LIST, batch->lists + 1, reterr));
    TRY(grow(din, AXIS_ROW, rows, reterr));
    TRY(grow(din, AXIS_BEHAVIOUR, behaviours, reterr));
    return grow(din, AXIS_PAIR, pairs, reterr);
}

void din_train_forward(struct din_train *din, const struct din_train_batch *batch, float *u,
                       size_t u_stride)
{
    struct din_pairs *pairs = &din->step.pairs;
    assert(batch->lists < din->room[AXIS_LIST]);
    assert(batch->row_offset[batch->lists] <= din->room[AXIS_ROW]);
    assert(batch->behaviour_offset[batch->lists] <= din->room[AXIS_BEHAVIOUR]);
    pairs->lists = batch->lists;
    pairs->dim = din->config.dim;
    pairs->row_offset = batch->row_offset;
    pairs->behaviour_offset = batch->behaviour_offset;
    pairs->behaviour = batch->behaviour;
    pairs->target = batch->target;
    pairs->target_stride = batch->target_stride;
    din_pairs_count(pairs);
    assert(pairs->pair_offset[pairs->lists] <= din->room[AXIS_PAIR]);
    din_step_forward(&din->step, u, u_stride);
    din->forward = true;
}

void din_train_backward(struct din_train *din, const float *g, size_t g_stride,
                        float *grad_behaviour, float *grad_target)
{
    assert(din->forward);
    din->forward = false;
    din_step_backward(&din->step, g, g_stride, grad_behaviour, grad_target);
}

const float *din_train_scores(const struct din_train *din)
{
    return din->step.stages[din->step.stage_count - 1].z;
}

const float *din_train_weights(const struct din_train *din)
{
    return din->step.weight;
}

// ---- the serving form ----

static bool is_finite(const float *values, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++)
        finite = finite && isfinite(values[i]);
    return finite;
}

enum status din_train_fold(struct din_train *din, struct din_train_folded *ret_folded,
                           struct diag *reterr)
{
    const struct din_step *step = &din->step;
    size_t dim = step->dim, h = step->stages[0].linear.out, part = h * dim;
    float *a = din->fold_first, *b = a + part, *c = b + part;
    memcpy(din->fold_values, din->values, din->params.floats * sizeof *din->values);
    memcpy(din->fold_stats, din->stat_values, din->stats.floats * sizeof *din->stat_values);
    din_step_split(step->stages[0].linear.weight, h, dim, a, b);
    for (size_t i = 0; i < h; i++)
        memcpy(c + i * dim, step->stages[0].linear.weight + (4 * i + 3) * dim, dim * sizeof *c);
    if (!is_finite(din->fold_values, din->params.floats) ||
        !is_finite(din->fold_stats, din->stats.floats) || !is_finite(a, 3 * part))
        return diag_set(reterr, STATUS_NOT_FINITE,
                        "the attention (DIN) has numbers that are not finite");
    *ret_folded = (struct din_train_folded){.dim = dim,
                                            .layer_count = step->stage_count,
                                            .a = a,
                                            .b = b,
                                            .c = c,
                                            .activation = din->config.activation,
                                            .softmax = din->config.softmax};
    for (size_t k = 0; k < step->stage_count; k++) {
        const struct din_stage *stage = &step->stages[k];
        bool hidden = k + 1 < step->stage_count, dice = hidden && step->dice;
        ret_folded->layers[k].in = stage->linear.in;
        ret_folded->layers[k].out = stage->linear.out;
        ret_folded->layers[k].weight = k == 0 ? NULL : din->fold_values + stage->weight;
        ret_folded->layers[k].bias = din->fold_values + stage->bias;
        ret_folded->layers[k].kappa = hidden ? din->fold_values + stage->kappa : NULL;
        ret_folded->layers[k].mean = dice ? din->fold_stats + stage->mean : NULL;
        ret_folded->layers[k].var = dice ? din->fold_stats + stage->var : NULL;
    }
    return STATUS_OK;
}
