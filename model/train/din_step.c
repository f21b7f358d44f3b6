#include "model/train/din_step.h"

#include "base/clones.h"
#include "model/kernels/blas.h"

#include <string.h>

enum { TILE_PAIRS = 256 };

// Sums over pairs that a shard leaves to be added; the first two serve both directions.
enum sum { SUM_FIRST, SUM_SECOND, SUM_KAPPA, SUM_BIAS, SUM_COUNT };

size_t din_step_sums(size_t shards, size_t stage_count, size_t widest)
{
    return shards * stage_count * SUM_COUNT * widest;
}

static double *shard_sums(const struct din_step *step, size_t shard, size_t k, enum sum which)
{
    return step->sums +
           ((shard * step->stage_count + k) * SUM_COUNT + (size_t)which) * step->widest;
}

// In shard order, whoever computed them.
static double add_shards(const struct din_step *step, size_t k, enum sum which, size_t unit)
{
    double sum = 0;
    for (size_t shard = 0; shard < step->shards; shard++)
        sum += shard_sums(step, shard, k, which)[unit];
    return sum;
}

static size_t pair_count(const struct din_step *step)
{
    return step->pairs.pair_offset[step->pairs.lists];
}

static size_t last_stage(const struct din_step *step)
{
    return step->stage_count - 1;
}

void din_step_split(const float *w, size_t h, size_t dim, float *ret_a, float *ret_b)
{
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < dim; j++) {
            const float *row = w + i * 4 * dim + j;
            ret_a[i * dim + j] = (float)((double)row[0] + (double)row[2 * dim]);
            ret_b[i * dim + j] = (float)((double)row[dim] - (double)row[2 * dim]);
        }
}

// C is a part of W as it stands.
static const float *first_c(const struct din_step *step)
{
    return step->stages[0].linear.weight + 3 * step->dim;
}

typedef void (*tile_job)(struct din_step *step, size_t shard, const struct din_pairs_range *range);

static void for_tiles(struct din_step *step, size_t shard, tile_job job)
{
    size_t end = step->shard_list[shard + 1];
    for (size_t list = step->shard_list[shard]; list < end;) {
        struct din_pairs_range range = din_pairs_tile(&step->pairs, list, end, TILE_PAIRS);
        job(step, shard, &range);
        list = range.end;
    }
}

static void add_columns(const struct din_step *step, size_t shard, const float *x, size_t n,
                        size_t units, double *sum)
{
    double *tile_sum = step->tile_sum + shard * step->widest;
    layer_bn_forward_sum(&(struct layer_bn){.units = units}, x, n, tile_sum);
    for (size_t j = 0; j < units; j++)
        sum[j] += tile_sum[j];
}

// ---- forward ----

static void first_forward(const struct din_step *step, const struct din_pairs_range *range)
{
    const struct din_pairs *pairs = &step->pairs;
    const struct layer_linear *linear = &step->stages[0].linear;
    size_t dim = step->dim, h = linear->out;
    float *row_part = step->row_part + range->row * h, *z = step->stages[0].z + range->pair * h;
    blas_forward(range->behaviours, dim, h, pairs->behaviour + range->behaviour * dim, dim, step->a,
                 dim, step->behaviour_part + range->behaviour * h, h);
    blas_forward(range->rows, dim, h, pairs->target + range->row * pairs->target_stride,
                 pairs->target_stride, step->b, dim, row_part, h);
    for (size_t i = 0; i < range->rows; i++)
        for (size_t j = 0; j < h; j++)
            row_part[i * h + j] += linear->bias[j];
    din_pairs_product(pairs, range, step->product);
    blas_forward(range->pairs, dim, h, step->product + range->pair * dim, dim, first_c(step),
                 4 * dim, z, h);
    din_pairs_spread(pairs, range, h, step->behaviour_part, step->row_part, step->stages[0].z);
}

static void next_forward(const struct din_step *step, size_t k, const struct din_pairs_range *range)
{
    const struct din_stage *front = &step->stages[k - 1], *stage = &step->stages[k];
    size_t in = stage->linear.in;
    const float *z = front->z + range->pair * in;
    float *y = front->y + range->pair * in;
    if (step->dice)
        layer_dice_forward(&front->dice, z, range->pairs, y);
    else
        layer_prelu_forward(&front->prelu, z, range->pairs, y);
    layer_linear_forward(&stage->linear, y, range->pairs,
                         stage->z + range->pair * stage->linear.out);
}

static void forward_tile(struct din_step *step, size_t shard, const struct din_pairs_range *range)
{
    for (size_t k = step->at; k < step->until; k++) {
        const struct din_stage *stage = &step->stages[k];
        if (k == 0)
            first_forward(step, range);
        else
            next_forward(step, k, range);
        if (step->dice && k < last_stage(step))
            add_columns(step, shard, stage->z + range->pair * stage->linear.out, range->pairs,
                        stage->linear.out, shard_sums(step, shard, k, SUM_FIRST));
    }
    if (step->until < step->stage_count)
        return;
    if (step->softmax)
        din_pairs_softmax(&step->pairs, range, step->stages[last_stage(step)].z, step->weight);
    din_pairs_pool(&step->pairs, range, step->weight, step->u, step->stride);
}

static void forward_job(void *context, size_t shard)
{
    struct din_step *step = context;
    if (step->at == 0)
        memset(shard_sums(step, shard, 0, SUM_FIRST), 0,
               din_step_sums(1, step->stage_count, step->widest) * sizeof *step->sums);
    for_tiles(step, shard, forward_tile);
}

static void centred_job(void *context, size_t shard)
{
    const struct din_step *step = context;
    const struct din_stage *stage = &step->stages[step->at];
    struct din_pairs_range range =
        din_pairs_range_of(&step->pairs, step->shard_list[shard], step->shard_list[shard + 1]);
    layer_bn_forward_centred(&stage->dice.bn, stage->z + range.pair * stage->linear.out,
                             range.pairs, shard_sums(step, shard, step->at, SUM_SECOND));
}

static void batch_statistics(struct din_step *step)
{
    struct din_stage *stage = &step->stages[step->at];
    size_t n = pair_count(step), units = stage->linear.out;
    if (n == 0)
        return;
    for (size_t j = 0; j < units; j++)
        stage->dice.bn.mean[j] = add_shards(step, step->at, SUM_FIRST, j) / (double)n;
    team_run(step->team, step->shards, centred_job, step);
    for (size_t j = 0; j < units; j++)
        stage->dice.bn.var[j] = add_shards(step, step->at, SUM_SECOND, j) / (double)n;
    layer_dice_prepare(&stage->dice);
    layer_dice_running(&stage->dice, n, stage->running_mean, stage->running_var);
}

void din_step_forward(struct din_step *step, float *u, size_t u_stride)
{
    step->u = u;
    step->stride = u_stride;
    din_pairs_cut(&step->pairs, step->shards, step->shard_list);
    din_step_split(step->stages[0].linear.weight, step->stages[0].linear.out, step->dim, step->a,
                   step->b);
    for (step->at = 0; step->at < step->stage_count; step->at = step->until) {
        step->until = step->dice ? step->at + 1 : step->stage_count;
        team_run(step->team, step->shards, forward_job, step);
        if (step->dice && step->at < last_stage(step))
            batch_statistics(step);
    }
}

// ---- backward ----

static float *shard_grads(const struct din_step *step, size_t shard)
{
    return shard == 0 ? step->grads : step->shard_grads + (shard - 1) * step->floats;
}

CLONES static void add(float *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void first_weight(const struct din_step *step, size_t shard,
                         const struct din_pairs_range *range)
{
    const struct din_pairs *pairs = &step->pairs;
    const struct din_stage *stage = &step->stages[0];
    size_t dim = step->dim, h = stage->linear.out;
    float *w = step->scratch + shard * step->largest;
    blas_grad_weight(range->behaviours, dim, h, step->behaviour_part + range->behaviour * h, h,
                     pairs->behaviour + range->behaviour * dim, dim, w, 4 * dim);
    blas_grad_weight(range->rows, dim, h, step->row_part + range->row * h, h,
                     pairs->target + range->row * pairs->target_stride, pairs->target_stride,
                     w + dim, 4 * dim);
    blas_grad_weight(range->pairs, dim, h, stage->y + range->pair * h, h,
                     step->product + range->pair * dim, dim, w + 3 * dim, 4 * dim);
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < dim; j++)
            w[(4 * i + 2) * dim + j] = w[4 * i * dim + j] - w[(4 * i + 1) * dim + j];
    add(shard_grads(step, shard) + stage->weight, w, h * 4 * dim);
    add_columns(step, shard, step->row_part + range->row * h, range->rows, h,
                shard_sums(step, shard, 0, SUM_BIAS));
}

static void first_backward(struct din_step *step, size_t shard, const struct din_pairs_range *range)
{
    const struct din_stage *stage = &step->stages[0];
    size_t dim = step->dim, h = stage->linear.out;
    float *grad_behaviour = step->grad_behaviour + range->behaviour * dim;
    din_pairs_backward_spread(&step->pairs, range, h, stage->y, step->behaviour_part,
                              step->row_part);
    first_weight(step, shard, range);
    blas_grad_input(range->pairs, dim, h, stage->y + range->pair * h, h, first_c(step), 4 * dim,
                    step->product + range->pair * dim, dim);
    blas_grad_input(range->behaviours, dim, h, step->behaviour_part + range->behaviour * h, h,
                    step->a, dim, grad_behaviour, dim);
    blas_grad_input(range->rows, dim, h, step->row_part + range->row * h, h, step->b, dim,
                    step->grad_target + range->row * dim, dim);
    din_pairs_backward_product(&step->pairs, range, step->product, step->grad_behaviour,
                               step->grad_target);
    add(grad_behaviour, step->behaviour_pool + range->behaviour * dim, range->behaviours * dim);
}

// Through linear layer k > 0 and the activation in front of it, for Dice as far as a tile can know.
static void next_backward(struct din_step *step, size_t shard, size_t k, const float *g,
                          const struct din_pairs_range *range)
{
    const struct din_stage *stage = &step->stages[k], *front = &step->stages[k - 1];
    size_t in = stage->linear.in, out = stage->linear.out, n = range->pairs;
    float *w = step->scratch + shard * step->largest, *y = front->y + range->pair * in;
    const float *z = front->z + range->pair * in;
    layer_linear_backward_weight(&stage->linear, g, y, n, w, NULL);
    add(shard_grads(step, shard) + stage->weight, w, out * in);
    add_columns(step, shard, g, n, out, shard_sums(step, shard, k, SUM_BIAS));
    layer_linear_backward_input(&stage->linear, g, n, y);
    double *kappa = shard_sums(step, shard, k - 1, SUM_KAPPA);
    struct layer_dice_sums sums = {shard_sums(step, shard, k - 1, SUM_FIRST),
                                   shard_sums(step, shard, k - 1, SUM_SECOND), kappa};
    if (step->dice)
        layer_dice_backward_sum(&front->dice, y, z, n, &sums);
    else
        layer_prelu_backward(&front->prelu, y, z, n, kappa);
}

static void backward_tile(struct din_step *step, size_t shard, const struct din_pairs_range *range)
{
    for (size_t k = step->at + 1; k-- > step->until;) {
        const struct din_stage *stage = &step->stages[k];
        size_t out = stage->linear.out;
        float *g = stage->y + range->pair * out;
        if (k == last_stage(step)) {
            g = step->grad_score + range->pair;
            din_pairs_backward_pool(&step->pairs, range, step->softmax, step->weight, step->g,
                                    step->stride, step->grad_score, step->behaviour_pool);
        } else if (step->dice) {
            layer_dice_backward_input(&stage->dice, g, stage->z + range->pair * out, range->pairs,
                                      step->mean_h, step->mean_hx);
        }
        if (k == 0)
            first_backward(step, shard, range);
        else
            next_backward(step, shard, k, g, range);
    }
}

static void backward_job(void *context, size_t shard)
{
    struct din_step *step = context;
    if (step->at == last_stage(step)) {
        memset(shard_sums(step, shard, 0, SUM_FIRST), 0,
               din_step_sums(1, step->stage_count, step->widest) * sizeof *step->sums);
        memset(shard_grads(step, shard), 0, step->floats * sizeof *step->grads);
    }
    for_tiles(step, shard, backward_tile);
}

static void batch_means(struct din_step *step, size_t k)
{
    size_t n = pair_count(step);
    for (size_t j = 0; n > 0 && j < step->stages[k].linear.out; j++) {
        step->mean_h[j] = (float)(add_shards(step, k, SUM_FIRST, j) / (double)n);
        step->mean_hx[j] = (float)(add_shards(step, k, SUM_SECOND, j) / (double)n);
    }
}

// Matrices are in the shards' blocks, vectors in the sums.
static void add_grads(const struct din_step *step)
{
    for (size_t shard = 1; shard < step->shards; shard++)
        add(step->grads, shard_grads(step, shard), step->floats);
    for (size_t k = 0; k < step->stage_count; k++) {
        const struct din_stage *stage = &step->stages[k];
        for (size_t j = 0; j < stage->linear.out; j++) {
            step->grads[stage->bias + j] = (float)add_shards(step, k, SUM_BIAS, j);
            if (k < last_stage(step))
                step->grads[stage->kappa + j] = (float)add_shards(step, k, SUM_KAPPA, j);
        }
    }
}

void din_step_backward(struct din_step *step, const float *g, size_t g_stride,
                       float *grad_behaviour, float *grad_target)
{
    step->g = g;
    step->stride = g_stride;
    step->grad_behaviour = grad_behaviour;
    step->grad_target = grad_target;
    for (size_t left = step->stage_count; left > 0; left = step->until) {
        step->at = left - 1;
        step->until = step->dice ? step->at : 0;
        if (step->dice && step->at < last_stage(step))
            batch_means(step, step->at);
        team_run(step->team, step->shards, backward_job, step);
    }
    add_grads(step);
}
