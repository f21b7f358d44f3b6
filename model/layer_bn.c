#include "model/layer_bn.h"

#include "base/clones.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// Rows are added four at a time: a column's sum is then loaded and stored once for four additions.
enum { GROUP = 4 };

CLONES void layer_bn_forward_sum(const struct layer_bn *bn, const float *x, size_t n, double *sum)
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

CLONES void layer_bn_forward_centred(const struct layer_bn *bn, const float *x, size_t n,
                                     double *sum)
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

static inline float standardise(float x, float mean_high, float mean_low, float inverse)
{
    return ((x - mean_high) - mean_low) * inverse;
}

// A row of each; pointers that do not overlap let the compiler take several units at once.
CLONES static void normalise_row(const struct layer_bn *bn, const float *restrict x,
                                 float *restrict y)
{
    const float *restrict high = bn->mean_high, *restrict low = bn->mean_low;
    const float *restrict inverse = bn->inverse, *restrict gamma = bn->gamma;
    const float *restrict beta = bn->beta;
    if (gamma)
        for (size_t j = 0; j < bn->units; j++)
            y[j] = standardise(x[j], high[j], low[j], inverse[j]) * gamma[j] + beta[j];
    else
        for (size_t j = 0; j < bn->units; j++)
            y[j] = standardise(x[j], high[j], low[j], inverse[j]);
}

void layer_bn_forward_normalise(const struct layer_bn *bn, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        normalise_row(bn, x + i * bn->units, y + i * bn->units);
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

CLONES static void backward_sum_row(const struct layer_bn *bn, const float *restrict g,
                                    const float *restrict x, double *restrict sum_g,
                                    double *restrict sum_gx)
{
    const float *restrict high = bn->mean_high, *restrict low = bn->mean_low;
    const float *restrict inverse = bn->inverse;
    for (size_t j = 0; j < bn->units; j++) {
        double xhat = (double)standardise(x[j], high[j], low[j], inverse[j]);
        sum_g[j] += (double)g[j];
        sum_gx[j] += (double)g[j] * xhat;
    }
}

void layer_bn_backward_sum(const struct layer_bn *bn, const float *g, const float *x, size_t n,
                           double *sum_g, double *sum_gx)
{
    for (size_t i = 0; i < n; i++)
        backward_sum_row(bn, g + i * bn->units, x + i * bn->units, sum_g, sum_gx);
}

CLONES static void backward_input_row(const struct layer_bn *bn, float *restrict g,
                                      const float *restrict x, const float *restrict mean_g,
                                      const float *restrict mean_gx)
{
    const float *restrict high = bn->mean_high, *restrict low = bn->mean_low;
    const float *restrict inverse = bn->inverse, *restrict gamma = bn->gamma;
    for (size_t j = 0; j < bn->units; j++) {
        float xhat = standardise(x[j], high[j], low[j], inverse[j]);
        g[j] = inverse[j] * ((g[j] - mean_g[j]) - xhat * mean_gx[j]);
    }
    for (size_t j = 0; gamma && j < bn->units; j++)
        g[j] *= gamma[j];
}

void layer_bn_backward_input(const struct layer_bn *bn, float *g, const float *x, size_t n,
                             const float *mean_g, const float *mean_gx)
{
    for (size_t i = 0; i < n; i++)
        backward_input_row(bn, g + i * bn->units, x + i * bn->units, mean_g, mean_gx);
}
