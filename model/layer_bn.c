#include "model/layer_bn.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

// Rows are added four at a time: a column's sum is then loaded and stored once for four additions.
enum { GROUP = 4 };

void layer_bn_forward_sum(const struct layer_bn *bn, const float *x, size_t n, double *sum)
{
    size_t units = bn->units, i = 0;
    memset(sum, 0, units * sizeof *sum);
    for (; i + GROUP <= n; i += GROUP) {
        const float *a = x + i * units, *b = a + units, *c = b + units, *d = c + units;
        for (size_t j = 0; j < units; j++)
            sum[j] += ((double)a[j] + (double)b[j]) + ((double)c[j] + (double)d[j]);
    }
    for (; i < n; i++)
        for (size_t j = 0; j < units; j++)
            sum[j] += (double)x[i * units + j];
}

static inline double square_distance(float x, double mean)
{
    double distance = (double)x - mean;
    return distance * distance;
}

void layer_bn_forward_centred(const struct layer_bn *bn, const float *x, size_t n, double *sum)
{
    size_t units = bn->units, i = 0;
    const double *mean = bn->mean;
    memset(sum, 0, units * sizeof *sum);
    for (; i + GROUP <= n; i += GROUP) {
        const float *a = x + i * units, *b = a + units, *c = b + units, *d = c + units;
        for (size_t j = 0; j < units; j++)
            sum[j] += (square_distance(a[j], mean[j]) + square_distance(b[j], mean[j])) +
                      (square_distance(c[j], mean[j]) + square_distance(d[j], mean[j]));
    }
    for (; i < n; i++)
        for (size_t j = 0; j < units; j++)
            sum[j] += square_distance(x[i * units + j], mean[j]);
}

void layer_bn_prepare(struct layer_bn *bn)
{
    for (size_t j = 0; j < bn->units; j++) {
        bn->mean_high[j] = (float)bn->mean[j];
        bn->mean_low[j] = (float)(bn->mean[j] - (double)bn->mean_high[j]);
        bn->inverse[j] = (float)(1 / sqrt(bn->var[j] + LAYER_BN_EPSILON));
    }
}

static inline float standardise(const struct layer_bn *bn, size_t unit, float x)
{
    return ((x - bn->mean_high[unit]) - bn->mean_low[unit]) * bn->inverse[unit];
}

void layer_bn_forward_normalise(const struct layer_bn *bn, const float *x, size_t n, float *y)
{
    size_t units = bn->units;
    bool affine = bn->gamma != NULL;
    for (size_t i = 0; i < n; i++) {
        const float *from = x + i * units;
        float *to = y + i * units;
        if (affine)
            for (size_t j = 0; j < units; j++)
                to[j] = standardise(bn, j, from[j]) * bn->gamma[j] + bn->beta[j];
        else
            for (size_t j = 0; j < units; j++)
                to[j] = standardise(bn, j, from[j]);
    }
}

void layer_bn_running(const struct layer_bn *bn, size_t n, float *running_mean, float *running_var)
{
    assert(n >= 2);
    double unbias = (double)n / (double)(n - 1);
    for (size_t j = 0; j < bn->units; j++) {
        double mean = (double)running_mean[j], var = (double)running_var[j];
        running_mean[j] = (float)(mean + LAYER_BN_MOMENTUM * (bn->mean[j] - mean));
        running_var[j] = (float)(var + LAYER_BN_MOMENTUM * (bn->var[j] * unbias - var));
    }
}

void layer_bn_backward_sum(const struct layer_bn *bn, const float *g, const float *x, size_t n,
                           double *sum_g, double *sum_gx)
{
    size_t units = bn->units;
    for (size_t i = 0; i < n; i++) {
        const float *from = x + i * units, *grad = g + i * units;
        for (size_t j = 0; j < units; j++) {
            sum_g[j] += (double)grad[j];
            sum_gx[j] += (double)grad[j] * (double)standardise(bn, j, from[j]);
        }
    }
}

void layer_bn_backward_input(const struct layer_bn *bn, const float *g, const float *x, size_t n,
                             const float *mean_g, const float *mean_gx, float *grad_x)
{
    size_t units = bn->units;
    for (size_t i = 0; i < n; i++) {
        const float *from = x + i * units, *grad = g + i * units;
        float *to = grad_x + i * units;
        for (size_t j = 0; j < units; j++) {
            float xhat = standardise(bn, j, from[j]);
            float scale = bn->gamma ? bn->gamma[j] * bn->inverse[j] : bn->inverse[j];
            to[j] = scale * ((grad[j] - mean_g[j]) - xhat * mean_gx[j]);
        }
    }
}
