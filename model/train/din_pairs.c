#include "model/train/din_pairs.h"

#include "base/clones.h"
#include "model/kernels/blas.h"

#include <math.h>
#include <string.h>

// ---- ranges ----

void din_pairs_count(const struct din_pairs *pairs)
{
    pairs->pair_offset[0] = 0;
    for (size_t l = 0; l < pairs->lists; l++) {
        uint64_t rows = pairs->row_offset[l + 1] - pairs->row_offset[l];
        uint64_t behaviours = pairs->behaviour_offset[l + 1] - pairs->behaviour_offset[l];
        pairs->pair_offset[l + 1] = pairs->pair_offset[l] + rows * behaviours;
    }
}

struct din_pairs_range din_pairs_range_of(const struct din_pairs *pairs, size_t begin, size_t end)
{
    size_t row = pairs->row_offset[begin], behaviour = pairs->behaviour_offset[begin];
    size_t pair = pairs->pair_offset[begin];
    return (struct din_pairs_range){.begin = begin,
                                    .end = end,
                                    .row = row,
                                    .rows = pairs->row_offset[end] - row,
                                    .behaviour = behaviour,
                                    .behaviours = pairs->behaviour_offset[end] - behaviour,
                                    .pair = pair,
                                    .pairs = pairs->pair_offset[end] - pair};
}

struct din_pairs_range din_pairs_tile(const struct din_pairs *pairs, size_t begin, size_t end,
                                      size_t least)
{
    size_t at = begin;
    while (at < end && pairs->pair_offset[at] - pairs->pair_offset[begin] < least)
        at++;
    return din_pairs_range_of(pairs, begin, at);
}

void din_pairs_cut(const struct din_pairs *pairs, size_t shards, size_t *ret_begin)
{
    uint64_t total = pairs->pair_offset[pairs->lists];
    size_t at = 0;
    for (size_t shard = 0; shard < shards; shard++) {
        while (at < pairs->lists && pairs->pair_offset[at] < total * shard / shards)
            at++;
        ret_begin[shard] = at;
    }
    ret_begin[shards] = pairs->lists;
}

// ---- forward ----

static size_t list_rows(const struct din_pairs *pairs, size_t l)
{
    return pairs->row_offset[l + 1] - pairs->row_offset[l];
}

static size_t list_behaviours(const struct din_pairs *pairs, size_t l)
{
    return pairs->behaviour_offset[l + 1] - pairs->behaviour_offset[l];
}

static const float *list_behaviour(const struct din_pairs *pairs, size_t l)
{
    return pairs->behaviour + pairs->behaviour_offset[l] * pairs->dim;
}

// One row of a list: `behaviours` pairs.
CLONES static void product_row(size_t behaviours, size_t dim, const float *restrict behaviour,
                               const float *restrict target, float *restrict product)
{
    for (size_t b = 0; b < behaviours; b++)
        for (size_t j = 0; j < dim; j++)
            product[b * dim + j] = behaviour[b * dim + j] * target[j];
}

void din_pairs_product(const struct din_pairs *pairs, const struct din_pairs_range *range,
                       float *product)
{
    size_t dim = pairs->dim, pair = range->pair;
    for (size_t l = range->begin; l < range->end; l++) {
        size_t behaviours = list_behaviours(pairs, l);
        for (size_t row = pairs->row_offset[l]; row < pairs->row_offset[l + 1]; row++) {
            product_row(behaviours, dim, list_behaviour(pairs, l),
                        pairs->target + row * pairs->target_stride, product + pair * dim);
            pair += behaviours;
        }
    }
}

CLONES static void spread_row(size_t behaviours, size_t units, const float *restrict by_behaviour,
                              const float *restrict by_row, float *restrict z)
{
    for (size_t b = 0; b < behaviours; b++)
        for (size_t j = 0; j < units; j++)
            z[b * units + j] += by_behaviour[b * units + j] + by_row[j];
}

void din_pairs_spread(const struct din_pairs *pairs, const struct din_pairs_range *range,
                      size_t units, const float *by_behaviour, const float *by_row, float *z)
{
    size_t pair = range->pair;
    for (size_t l = range->begin; l < range->end; l++) {
        size_t behaviours = list_behaviours(pairs, l);
        for (size_t row = pairs->row_offset[l]; row < pairs->row_offset[l + 1]; row++) {
            spread_row(behaviours, units, by_behaviour + pairs->behaviour_offset[l] * units,
                       by_row + row * units, z + pair * units);
            pair += behaviours;
        }
    }
}

static void softmax_row(const float *score, size_t count, float *weight)
{
    float top = -INFINITY;
    double sum = 0;
    for (size_t b = 0; b < count; b++)
        top = score[b] > top ? score[b] : top;
    for (size_t b = 0; b < count; b++)
        sum += exp((double)score[b] - (double)top);
    for (size_t b = 0; b < count; b++)
        weight[b] = (float)(exp((double)score[b] - (double)top) / sum);
}

void din_pairs_softmax(const struct din_pairs *pairs, const struct din_pairs_range *range,
                       const float *score, float *weight)
{
    size_t pair = range->pair;
    for (size_t l = range->begin; l < range->end; l++)
        for (size_t row = 0; row < list_rows(pairs, l); row++) {
            softmax_row(score + pair, list_behaviours(pairs, l), weight + pair);
            pair += list_behaviours(pairs, l);
        }
}

void din_pairs_pool(const struct din_pairs *pairs, const struct din_pairs_range *range,
                    const float *weight, float *u, size_t u_stride)
{
    size_t dim = pairs->dim;
    for (size_t l = range->begin; l < range->end; l++) {
        size_t behaviours = list_behaviours(pairs, l);
        blas_grad_input(list_rows(pairs, l), dim, behaviours, weight + pairs->pair_offset[l],
                        behaviours, list_behaviour(pairs, l), dim,
                        u + pairs->row_offset[l] * u_stride, u_stride);
    }
}

// ---- backward ----

// grad_score from the gradients of the weights, in place: w (g - sum w g)
static void softmax_backward_row(const float *weight, size_t count, float *grad)
{
    double sum = 0;
    for (size_t b = 0; b < count; b++)
        sum += (double)weight[b] * (double)grad[b];
    for (size_t b = 0; b < count; b++)
        grad[b] = (float)((double)weight[b] * ((double)grad[b] - sum));
}

void din_pairs_backward_pool(const struct din_pairs *pairs, const struct din_pairs_range *range,
                             bool softmax, const float *weight, const float *g, size_t g_stride,
                             float *grad_score, float *by_behaviour)
{
    size_t dim = pairs->dim;
    for (size_t l = range->begin; l < range->end; l++) {
        size_t rows = list_rows(pairs, l), behaviours = list_behaviours(pairs, l);
        size_t pair = pairs->pair_offset[l];
        const float *list_g = g + pairs->row_offset[l] * g_stride;
        blas_forward(rows, dim, behaviours, list_g, g_stride, list_behaviour(pairs, l), dim,
                     grad_score + pair, behaviours);
        blas_grad_weight(rows, dim, behaviours, weight + pair, behaviours, list_g, g_stride,
                         by_behaviour + pairs->behaviour_offset[l] * dim, dim);
        for (size_t row = 0; softmax && row < rows; row++)
            softmax_backward_row(weight + pair + row * behaviours, behaviours,
                                 grad_score + pair + row * behaviours);
    }
}

CLONES static void backward_spread_row(size_t behaviours, size_t units, const float *restrict g,
                                       float *restrict by_behaviour, float *restrict by_row)
{
    for (size_t b = 0; b < behaviours; b++)
        for (size_t j = 0; j < units; j++) {
            by_behaviour[b * units + j] += g[b * units + j];
            by_row[j] += g[b * units + j];
        }
}

void din_pairs_backward_spread(const struct din_pairs *pairs, const struct din_pairs_range *range,
                               size_t units, const float *g, float *by_behaviour, float *by_row)
{
    size_t pair = range->pair;
    memset(by_behaviour + range->behaviour * units, 0,
           range->behaviours * units * sizeof *by_behaviour);
    memset(by_row + range->row * units, 0, range->rows * units * sizeof *by_row);
    for (size_t l = range->begin; l < range->end; l++) {
        size_t behaviours = list_behaviours(pairs, l);
        for (size_t row = pairs->row_offset[l]; row < pairs->row_offset[l + 1]; row++) {
            backward_spread_row(behaviours, units, g + pair * units,
                                by_behaviour + pairs->behaviour_offset[l] * units,
                                by_row + row * units);
            pair += behaviours;
        }
    }
}

CLONES static void backward_product_row(size_t behaviours, size_t dim, const float *restrict g,
                                        const float *restrict behaviour,
                                        const float *restrict target,
                                        float *restrict grad_behaviour, float *restrict grad_target)
{
    for (size_t b = 0; b < behaviours; b++)
        for (size_t j = 0; j < dim; j++) {
            grad_behaviour[b * dim + j] += g[b * dim + j] * target[j];
            grad_target[j] += g[b * dim + j] * behaviour[b * dim + j];
        }
}

void din_pairs_backward_product(const struct din_pairs *pairs, const struct din_pairs_range *range,
                                const float *g, float *grad_behaviour, float *grad_target)
{
    size_t dim = pairs->dim, pair = range->pair;
    for (size_t l = range->begin; l < range->end; l++) {
        size_t behaviours = list_behaviours(pairs, l);
        for (size_t row = pairs->row_offset[l]; row < pairs->row_offset[l + 1]; row++) {
            backward_product_row(behaviours, dim, g + pair * dim, list_behaviour(pairs, l),
                                 pairs->target + row * pairs->target_stride,
                                 grad_behaviour + pairs->behaviour_offset[l] * dim,
                                 grad_target + row * dim);
            pair += behaviours;
        }
    }
}
