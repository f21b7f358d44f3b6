#include "model/train/net_stage.h"

#include "base/rng.h"
#include "model/layer_relu.h"
#include "model/net.h"

#include <math.h>
#include <string.h>

// Rows that pass through BN, ReLU and dropout together: few enough to stay in the nearest cache.
enum { BLOCK_ROWS = 4 };

static void fill(float *values, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

void net_stage_init(struct net_stage *stage, uint64_t seed, size_t k, float *values)
{
    size_t in = stage->linear.in, out = stage->linear.out;
    struct rng rng;
    rng_start(&rng, seed, RNG_INIT, (uint32_t)k, 0);
    double deviation = sqrt(2 / (double)(in + out)), bound = 1 / sqrt((double)in);
    float *weight = values + stage->slots.weight, *bias = values + stage->slots.bias;
    for (size_t i = 0; i < in * out; i++)
        weight[i] = (float)(deviation * rng_normal(&rng));
    for (size_t j = 0; stage->linear.bias && j < out; j++)
        bias[j] = (float)(bound * (2 * rng_uniform(&rng) - 1));
    if (stage->bn.gamma) {
        fill(values + stage->slots.gamma, in, 1);
        fill(values + stage->slots.beta, in, 0);
    }
    if (stage->bn.units > 0) {
        fill(stage->running_mean, in, 0);
        fill(stage->running_var, in, 1);
    }
}

static size_t block_end(size_t row, size_t end)
{
    return end - row < BLOCK_ROWS ? end : row + BLOCK_ROWS;
}

void net_stage_activate(const struct net_stage *stage, size_t begin, size_t end, bool drop,
                        double rate)
{
    size_t in = stage->linear.in;
    for (size_t row = begin; row < end; row = block_end(row, end)) {
        size_t rows = block_end(row, end) - row;
        float *x = stage->x + row * in;
        if (stage->bn.units > 0)
            layer_bn_forward_normalise(&stage->bn, stage->before + row * in, rows, x);
        else
            memcpy(x, stage->before + row * in, rows * in * sizeof *x);
        if (stage->relu)
            layer_relu_forward(x, rows * in);
        if (drop)
            layer_dropout_forward(x, stage->mask + row * in, rows * in, rate);
    }
}

void net_stage_linear(const struct net_stage *stage, size_t begin, size_t end)
{
    layer_linear_forward(&stage->linear, stage->x + begin * stage->linear.in, end - begin,
                         stage->z + begin * stage->linear.out);
}

void net_stage_backward(const struct net_stage *stage, size_t begin, size_t end, double rate,
                        const float *g, float *h, double *sum_g, double *sum_gx)
{
    size_t in = stage->linear.in;
    layer_linear_backward_input(&stage->linear, g + begin * stage->linear.out, end - begin,
                                h + begin * in);
    for (size_t row = begin; row < end; row = block_end(row, end)) {
        size_t rows = block_end(row, end) - row;
        float *part = h + row * in;
        if (stage->mask)
            layer_dropout_backward(part, stage->mask + row * in, rows * in, rate);
        if (stage->relu)
            layer_relu_backward(part, stage->x + row * in, rows * in);
        if (stage->bn.units > 0)
            layer_bn_backward_sum(&stage->bn, part, stage->before + row * in, rows, sum_g, sum_gx);
    }
}

// y = scale x + shift of a BN in evaluation mode
static double bn_scale(const struct net_stage *stage, size_t unit)
{
    double gamma = stage->bn.gamma ? (double)stage->bn.gamma[unit] : 1;
    return gamma / sqrt((double)stage->running_var[unit] + LAYER_BN_EPSILON);
}

static double bn_shift(const struct net_stage *stage, size_t unit)
{
    double beta = stage->bn.beta ? (double)stage->bn.beta[unit] : 0;
    return beta - bn_scale(stage, unit) * (double)stage->running_mean[unit];
}

bool net_stage_fold(const struct net_stage *stage, const struct net_stage *next,
                    double *column_scale, double *column_shift, struct net_layer *layer)
{
    size_t in = stage->linear.in, out = stage->linear.out;
    // Behind a ReLU the BN belongs to the linear layer in front of it.
    bool input_bn = !stage->relu && stage->bn.units > 0;
    bool output_bn = next && next->bn.units > 0;
    for (size_t k = 0; k < in; k++) {
        column_scale[k] = input_bn ? bn_scale(stage, k) : 1;
        column_shift[k] = input_bn ? bn_shift(stage, k) : 0;
    }
    bool finite = true;
    for (size_t j = 0; j < out; j++) {
        const float *weight = stage->linear.weight + j * in;
        double scale = output_bn ? bn_scale(next, j) : 1;
        double bias = stage->linear.bias ? (double)stage->linear.bias[j] : 0;
        for (size_t k = 0; k < in; k++) {
            bias += (double)weight[k] * column_shift[k];
            float folded = (float)(scale * (double)weight[k] * column_scale[k]);
            stage->fold_weight[j * in + k] = folded;
            finite = finite && isfinite(folded);
        }
        stage->fold_bias[j] = (float)(output_bn ? scale * bias + bn_shift(next, j) : bias);
        finite = finite && isfinite(stage->fold_bias[j]);
    }
    *layer = (struct net_layer){stage->fold_weight, stage->fold_bias, in, out};
    return finite;
}
