#include "model/train/net_train.h"

#include "base/clones.h"
#include "base/num.h"
#include "base/rng.h"
#include "model/net.h"
#include "model/train/net_stage.h"
#include "model/train/net_train_check.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_STAGES = NET_TRAIN_MAX_HIDDEN + 1,
    MAX_BLOCKS = 16 + 8 * MAX_STAGES,
    BLOCK_ALIGN = 64,
    ADD_PIECES = 64, // of the parameters, when the shards' gradients are added
};

// Sums over rows that a shard leaves for the caller to add.
enum sum { SUM_FIRST, SUM_SECOND, SUM_BIAS, SUM_COUNT };

struct net_train {
    struct net_train_config config;
    struct team *team;
    struct param_set params, stats;
    float *values, *grads, *stat_values;
    float *shard_grads; // (shards - 1, params.floats): shard 0 works in `grads`
    struct net_stage stages[MAX_STAGES];
    size_t stage_count;              // linear layers: hidden_count + 1
    size_t widest;                   // of all inputs and outputs of linear layers
    float *flow[2];                  // (max_rows, widest): gradients on their way back
    double *sums;                    // (shards, SUM_COUNT, widest)
    float *mean_g, *mean_gx;         // (widest): of the BN on the way back
    double *fold_scale, *fold_shift; // (widest)

    // the pass in work
    size_t rows, at; // of the minibatch; stage
    uint32_t epoch, step;
    const float *g; // (rows, 1): d loss / d logit

    void *blocks[MAX_BLOCKS];
    size_t block_count;
    bool out_of_memory;
};

// ---- memory and names ----

// Zeroed memory of the net. NULL and a mark when there is none, so that the maker looks once.
static void *take(struct net_train *net, size_t rows, size_t columns, size_t bytes)
{
    size_t size;
    bool fits = !net->out_of_memory && num_mul(rows, columns, &size) &&
                num_mul(size, bytes, &size) && num_add(size, BLOCK_ALIGN, &size);
    void *block = fits ? aligned_alloc(BLOCK_ALIGN, num_round_up(size, BLOCK_ALIGN)) : NULL;
    if (!block) {
        net->out_of_memory = true;
        return NULL;
    }
    memset(block, 0, size);
    assert(net->block_count < MAX_BLOCKS);
    net->blocks[net->block_count++] = block;
    return block;
}

// Returns where the tensor begins, floats.
static size_t declare(struct param_set *set, const char *name, size_t rows, size_t columns,
                      bool weight)
{
    return set->views[param_declare(set, name, rows, columns, weight)].offset;
}

static size_t declare_hidden(struct param_set *set, size_t k, const char *what, size_t columns)
{
    char name[PARAM_NAME];
    (void)snprintf(name, sizeof name, "hidden.%zu.%s", k, what);
    return declare(set, name, 1, columns, false);
}

static void declare_stage(struct net_train *net, size_t k)
{
    const struct layer_linear *linear = &net->stages[k].linear;
    struct net_slots *slots = &net->stages[k].slots;
    if (k + 1 == net->stage_count) {
        slots->weight = declare(&net->params, "out.weight", linear->out, linear->in, true);
        slots->bias = declare(&net->params, "out.bias", 1, linear->out, false);
        return;
    }
    char name[PARAM_NAME];
    (void)snprintf(name, sizeof name, "hidden.%zu.weight", k);
    slots->weight = declare(&net->params, name, linear->out, linear->in, true);
    if (!net->config.hidden_bn) {
        slots->bias = declare_hidden(&net->params, k, "bias", linear->out);
        return;
    }
    struct net_slots *behind = &net->stages[k + 1].slots;
    behind->gamma = declare_hidden(&net->params, k, "gamma", linear->out);
    behind->beta = declare_hidden(&net->params, k, "beta", linear->out);
    behind->mean = declare_hidden(&net->stats, k, "mean", linear->out);
    behind->var = declare_hidden(&net->stats, k, "var", linear->out);
}

static bool has_bn(const struct net_train *net, size_t k)
{
    return k == 0 ? net->config.input_bn : net->config.hidden_bn;
}

static bool has_dropout(const struct net_train *net, size_t k)
{
    bool here = k == 0                     ? net->config.dropout_input
                : k + 1 < net->stage_count ? true
                                           : net->config.dropout_last;
    return here && net->config.dropout > 0;
}

static void take_bn(struct net_train *net, struct net_stage *stage)
{
    size_t units = stage->linear.in;
    double *doubles = take(net, 2, units, sizeof *doubles);
    float *floats = take(net, 3, units, sizeof *floats);
    if (net->out_of_memory)
        return;
    stage->bn = (struct layer_bn){.units = units,
                                  .mean = doubles,
                                  .var = doubles + units,
                                  .mean_high = floats,
                                  .mean_low = floats + units,
                                  .inverse = floats + 2 * units};
    stage->running_mean = net->stat_values + stage->slots.mean;
    stage->running_var = net->stat_values + stage->slots.var;
    if (stage->relu) {
        stage->bn.gamma = net->values + stage->slots.gamma;
        stage->bn.beta = net->values + stage->slots.beta;
    }
}

static void take_stage(struct net_train *net, size_t k)
{
    struct net_stage *stage = &net->stages[k];
    size_t in = stage->linear.in, out = stage->linear.out, rows = net->config.max_rows;
    stage->relu = k > 0;
    if (has_bn(net, k))
        take_bn(net, stage);
    if (has_dropout(net, k))
        stage->mask = take(net, rows, in, sizeof *stage->mask);
    stage->x = take(net, rows, in, sizeof *stage->x);
    stage->z = take(net, rows, out, sizeof *stage->z);
    stage->fold_weight = take(net, out, in, sizeof *stage->fold_weight);
    stage->fold_bias = take(net, 1, out, sizeof *stage->fold_bias);
    if (net->out_of_memory)
        return;
    stage->linear.weight = net->values + stage->slots.weight;
    if (k + 1 == net->stage_count || !net->config.hidden_bn)
        stage->linear.bias = net->values + stage->slots.bias;
    if (k > 0) {
        const struct net_stage *front = &net->stages[k - 1];
        stage->before = front->z;
        stage->dropout_block =
            front->dropout_block + (uint32_t)layer_dropout_blocks(front->linear.in);
    }
}

static void take_shared(struct net_train *net)
{
    size_t floats = net->params.floats, rows = net->config.max_rows, widest = net->widest;
    net->values = take(net, 1, floats, sizeof *net->values);
    net->grads = take(net, 1, floats, sizeof *net->grads);
    net->stat_values = take(net, 1, net->stats.floats, sizeof *net->stat_values);
    net->shard_grads = take(net, net->config.shards - 1, floats, sizeof *net->shard_grads);
    for (size_t i = 0; i < 2; i++)
        net->flow[i] = take(net, rows, widest, sizeof *net->flow[i]);
    net->sums = take(net, net->config.shards * SUM_COUNT, widest, sizeof *net->sums);
    net->mean_g = take(net, 1, widest, sizeof *net->mean_g);
    net->mean_gx = take(net, 1, widest, sizeof *net->mean_gx);
    net->fold_scale = take(net, 1, widest, sizeof *net->fold_scale);
    net->fold_shift = take(net, 1, widest, sizeof *net->fold_shift);
}

enum status net_train_new(const struct net_train_config *config, struct team *team,
                          struct net_train **ret_net, struct diag *reterr)
{
    TRY(net_train_check(config, reterr));
    struct net_train *net = calloc(1, sizeof *net);
    if (!net)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the network");
    net->config = *config;
    net->team = team;
    net->stage_count = config->hidden_count + 1;
    net->widest = config->input;
    if (config->input_bn) {
        net->stages[0].slots.mean = declare(&net->stats, "input.mean", 1, config->input, false);
        net->stages[0].slots.var = declare(&net->stats, "input.var", 1, config->input, false);
    }
    for (size_t k = 0; k < net->stage_count; k++) {
        struct layer_linear *linear = &net->stages[k].linear;
        linear->in = k == 0 ? config->input : config->hidden[k - 1];
        linear->out = k < config->hidden_count ? config->hidden[k] : 1;
        net->widest = linear->in > net->widest ? linear->in : net->widest;
        declare_stage(net, k);
    }
    take_shared(net);
    for (size_t k = 0; k < net->stage_count; k++)
        take_stage(net, k);
    if (net->out_of_memory) {
        net_train_free(net);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the network");
    }
    *ret_net = net;
    return STATUS_OK;
}

void net_train_free(struct net_train *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->block_count; i++)
        free(net->blocks[i]);
    free(net);
}

const struct param_set *net_train_params(const struct net_train *net)
{
    return &net->params;
}

float *net_train_values(struct net_train *net)
{
    return net->values;
}

float *net_train_grads(struct net_train *net)
{
    return net->grads;
}

const struct param_set *net_train_stats(const struct net_train *net)
{
    return &net->stats;
}

float *net_train_stat_values(struct net_train *net)
{
    return net->stat_values;
}

void net_train_init(struct net_train *net, double output_bias)
{
    for (size_t k = 0; k < net->stage_count; k++)
        net_stage_init(&net->stages[k], net->config.seed, k, net->values);
    net->values[net->stages[net->stage_count - 1].slots.bias] = (float)output_bias;
}

// ---- forward ----

static double *shard_sums(struct net_train *net, size_t shard, enum sum which)
{
    return net->sums + (shard * SUM_COUNT + (size_t)which) * net->widest;
}

// In shard order, whoever computed them.
static double add_shards(struct net_train *net, enum sum which, size_t unit)
{
    double sum = 0;
    for (size_t shard = 0; shard < net->config.shards; shard++)
        sum += shard_sums(net, shard, which)[unit];
    return sum;
}

static size_t shard_row(const struct net_train *net, size_t shard)
{
    return net->rows * shard / net->config.shards;
}

static void sum_job(void *context, size_t shard)
{
    struct net_train *net = context;
    const struct net_stage *stage = &net->stages[net->at];
    size_t begin = shard_row(net, shard), end = shard_row(net, shard + 1);
    layer_bn_forward_sum(&stage->bn, stage->before + begin * stage->bn.units, end - begin,
                         shard_sums(net, shard, SUM_FIRST));
}

static void centred_job(void *context, size_t shard)
{
    struct net_train *net = context;
    const struct net_stage *stage = &net->stages[net->at];
    size_t begin = shard_row(net, shard), end = shard_row(net, shard + 1);
    layer_bn_forward_centred(&stage->bn, stage->before + begin * stage->bn.units, end - begin,
                             shard_sums(net, shard, SUM_SECOND));
}

static void draw_masks(const struct net_train *net, size_t k, size_t begin, size_t end)
{
    const struct net_train_config *config = &net->config;
    const struct net_stage *stage = &net->stages[k];
    struct layer_dropout_draw draw = {config->seed, net->epoch, net->step, config->dropout};
    size_t units = stage->linear.in;
    for (size_t row = begin; row < end; row++) {
        uint8_t *mask = stage->mask + row * units;
        if (config->mask)
            config->mask(config->mask_context, k, row, mask);
        else
            layer_dropout_mask(&draw, (uint32_t)row, stage->dropout_block, units, mask);
    }
}

// Through one stage, and the column sums that the next one's BN begins with.
static void forward_job(void *context, size_t shard)
{
    struct net_train *net = context;
    struct net_stage *stage = &net->stages[net->at];
    size_t begin = shard_row(net, shard), end = shard_row(net, shard + 1);
    if (stage->mask)
        draw_masks(net, net->at, begin, end);
    net_stage_activate(stage, begin, end, stage->mask != NULL, net->config.dropout);
    net_stage_linear(stage, begin, end);
    const struct net_stage *next = stage + 1;
    if (net->at + 1 < net->stage_count && next->bn.units > 0)
        layer_bn_forward_sum(&next->bn, next->before + begin * next->bn.units, end - begin,
                             shard_sums(net, shard, SUM_FIRST));
}

// The batch statistics of a stage whose column sums stand in SUM_FIRST.
static void batch_statistics(struct net_train *net, struct net_stage *stage)
{
    for (size_t j = 0; j < stage->bn.units; j++)
        stage->bn.mean[j] = add_shards(net, SUM_FIRST, j) / (double)net->rows;
    team_run(net->team, net->config.shards, centred_job, net);
    for (size_t j = 0; j < stage->bn.units; j++)
        stage->bn.var[j] = add_shards(net, SUM_SECOND, j) / (double)net->rows;
    layer_bn_prepare(&stage->bn);
    layer_bn_running(&stage->bn, net->rows, stage->running_mean, stage->running_var);
}

void net_train_forward(struct net_train *net, const float *x, size_t n, uint32_t epoch,
                       uint32_t step, float *logit)
{
    assert(n >= 2 && n <= net->config.max_rows);
    net->rows = n;
    net->epoch = epoch;
    net->step = step;
    net->stages[0].before = x;
    for (net->at = 0; net->at < net->stage_count; net->at++) {
        struct net_stage *stage = &net->stages[net->at];
        if (net->at == 0 && stage->bn.units > 0)
            team_run(net->team, net->config.shards, sum_job, net);
        if (stage->bn.units > 0)
            batch_statistics(net, stage);
        team_run(net->team, net->config.shards, forward_job, net);
    }
    memcpy(logit, net->stages[net->stage_count - 1].z, n * sizeof *logit);
}

static void evaluate_job(void *context, size_t shard)
{
    struct net_train *net = context;
    size_t begin = shard_row(net, shard), end = shard_row(net, shard + 1);
    for (size_t k = 0; k < net->stage_count; k++) {
        net_stage_activate(&net->stages[k], begin, end, false, 0);
        net_stage_linear(&net->stages[k], begin, end);
    }
}

void net_train_evaluate(struct net_train *net, const float *x, size_t n, float *logit)
{
    for (size_t k = 0; k < net->stage_count; k++) {
        struct net_stage *stage = &net->stages[k];
        for (size_t j = 0; j < stage->bn.units; j++) {
            stage->bn.mean[j] = (double)stage->running_mean[j];
            stage->bn.var[j] = (double)stage->running_var[j];
        }
        layer_bn_prepare(&stage->bn);
    }
    for (size_t begin = 0; begin < n; begin += net->rows) {
        net->rows = n - begin < net->config.max_rows ? n - begin : net->config.max_rows;
        net->stages[0].before = x + begin * net->config.input;
        team_run(net->team, net->config.shards, evaluate_job, net);
        memcpy(logit + begin, net->stages[net->stage_count - 1].z, net->rows * sizeof *logit);
    }
}

// ---- backward ----

static const float *stage_gradient(const struct net_train *net, size_t k)
{
    return k + 1 == net->stage_count ? net->g : net->flow[k % 2];
}

static void backward_job(void *context, size_t shard)
{
    struct net_train *net = context;
    size_t k = net->at, begin = shard_row(net, shard), rows = shard_row(net, shard + 1) - begin;
    const struct net_stage *stage = &net->stages[k];
    size_t in = stage->linear.in, out = stage->linear.out;
    if (k + 1 < net->stage_count && stage[1].bn.units > 0) {
        float *g = net->flow[k % 2] + begin * out;
        layer_bn_backward_input(&stage[1].bn, g, stage->z + begin * out, rows, net->mean_g,
                                net->mean_gx);
    }
    const float *g = stage_gradient(net, k);
    float *grads = shard == 0 ? net->grads : net->shard_grads + (shard - 1) * net->params.floats;
    layer_linear_backward_weight(&stage->linear, g + begin * out, stage->x + begin * in, rows,
                                 grads + stage->slots.weight,
                                 stage->linear.bias ? shard_sums(net, shard, SUM_BIAS) : NULL);
    if (k == 0 && !net->config.grad_input)
        return;
    double *sum_g = shard_sums(net, shard, SUM_FIRST), *sum_gx = shard_sums(net, shard, SUM_SECOND);
    memset(sum_g, 0, in * sizeof *sum_g);
    memset(sum_gx, 0, in * sizeof *sum_gx);
    net_stage_backward(stage, begin, begin + rows, net->config.dropout, g, net->flow[(k + 1) % 2],
                       sum_g, sum_gx);
}

// What stands behind the input's BN becomes the gradient of the input.
static void input_job(void *context, size_t shard)
{
    struct net_train *net = context;
    const struct net_stage *stage = &net->stages[0];
    size_t begin = shard_row(net, shard), rows = shard_row(net, shard + 1) - begin;
    layer_bn_backward_input(&stage->bn, net->flow[1] + begin * stage->linear.in,
                            stage->before + begin * stage->linear.in, rows, net->mean_g,
                            net->mean_gx);
}

CLONES static void add_job(void *context, size_t piece)
{
    struct net_train *net = context;
    size_t floats = net->params.floats;
    size_t begin = floats * piece / ADD_PIECES, end = floats * (piece + 1) / ADD_PIECES;
    for (size_t shard = 1; shard < net->config.shards; shard++) {
        const float *from = net->shard_grads + (shard - 1) * floats;
        for (size_t i = begin; i < end; i++)
            net->grads[i] += from[i];
    }
}

void net_train_backward(struct net_train *net, const float *grad_logit)
{
    net->g = grad_logit;
    for (net->at = net->stage_count; net->at-- > 0;) {
        team_run(net->team, net->config.shards, backward_job, net);
        const struct net_stage *stage = &net->stages[net->at];
        for (size_t j = 0; stage->linear.bias && j < stage->linear.out; j++)
            net->grads[stage->slots.bias + j] = (float)add_shards(net, SUM_BIAS, j);
        if (net->at == 0 && !net->config.grad_input)
            break;
        for (size_t j = 0; j < stage->bn.units; j++) {
            double sum_g = add_shards(net, SUM_FIRST, j), sum_gx = add_shards(net, SUM_SECOND, j);
            if (stage->bn.gamma) {
                net->grads[stage->slots.beta + j] = (float)sum_g;
                net->grads[stage->slots.gamma + j] = (float)sum_gx;
            }
            net->mean_g[j] = (float)(sum_g / (double)net->rows);
            net->mean_gx[j] = (float)(sum_gx / (double)net->rows);
        }
    }
    if (net->config.grad_input && net->stages[0].bn.units > 0)
        team_run(net->team, net->config.shards, input_job, net);
    // Vectors are whole already and zero in the shards' blocks, which hold matrices only.
    team_run(net->team, ADD_PIECES, add_job, net);
}

const float *net_train_grad_input(const struct net_train *net)
{
    return net->flow[1];
}

// ---- the serving form ----

enum status net_train_fold(struct net_train *net, struct net_layer *layers, size_t *ret_count,
                           struct diag *reterr)
{
    for (size_t k = 0; k < net->stage_count; k++) {
        const struct net_stage *stage = &net->stages[k];
        const struct net_stage *next = k + 1 < net->stage_count ? stage + 1 : NULL;
        if (!net_stage_fold(stage, next, net->fold_scale, net->fold_shift, &layers[k]))
            return diag_set(reterr, STATUS_NOT_FINITE,
                            "linear layer %zu of the network has numbers that are not finite", k);
    }
    *ret_count = net->stage_count;
    return STATUS_OK;
}
