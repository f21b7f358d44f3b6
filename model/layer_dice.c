#include "model/layer_dice.h"

#include "base/clones.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// sigma(x) and 1 - sigma(x), each within some ulp: nothing cancels.
struct gate {
    float open, shut;
};

// exp(-a) for a in [0, 87], as 2^-k exp(r) with |r| <= ln2 / 2; the Taylor series to r^7 errs by
// less than 1e-8.
static inline float exp_minus(float a)
{
    const float round = 0x1.8p23F; // adding it leaves the nearest integer in the low bits
    float shifted = a * 0x1.715476p+0F + round, k = shifted - round;
    float r =
        (k * 0x1.62e4p-1F - a) + k * 0x1.7f7d1cp-20F; // ln2 in two parts, k times the first exact
    float p = 1.0F / 720 + r * (1.0F / 5040);
    p = 1.0F / 120 + r * p;
    p = 1.0F / 24 + r * p;
    p = 1.0F / 6 + r * p;
    p = 1.0F / 2 + r * p;
    p = 1 + (r + r * r * p);
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (127U - (bits & 0xFFU)) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

static inline struct gate gate_of(float xhat)
{
    float a = fabsf(xhat);
    a = a > 87 ? 87 : a; // a NaN stays
    float e = exp_minus(a), more = 1 / (1 + e), less = e * more;
    return (struct gate){xhat >= 0 ? more : less, xhat >= 0 ? less : more};
}

static inline float standardise(float x, float mean_high, float mean_low, float inverse)
{
    return ((x - mean_high) - mean_low) * inverse;
}

void layer_dice_prepare(struct layer_dice *dice)
{
    struct layer_bn *bn = &dice->bn;
    for (size_t j = 0; j < bn->units; j++) {
        bn->mean_high[j] = (float)bn->mean[j];
        bn->mean_low[j] = (float)(bn->mean[j] - (double)bn->mean_high[j]);
        bn->inverse[j] = (float)(1 / sqrt(bn->var[j] + LAYER_DICE_EPSILON));
    }
}

void layer_dice_running(const struct layer_dice *dice, size_t n, float *running_mean,
                        float *running_var)
{
    if (n < 2)
        return;
    const struct layer_bn *bn = &dice->bn;
    double unbias = (double)n / (double)(n - 1);
    for (size_t j = 0; j < bn->units; j++) {
        double mean = (double)running_mean[j], var = (double)running_var[j];
        running_mean[j] = (float)(mean + LAYER_DICE_MOMENTUM * (bn->mean[j] - mean));
        running_var[j] = (float)(var + LAYER_DICE_MOMENTUM * (bn->var[j] * unbias - var));
    }
}

CLONES static void forward_row(const struct layer_dice *dice, const float *restrict x,
                               float *restrict y)
{
    const float *restrict high = dice->bn.mean_high, *restrict low = dice->bn.mean_low;
    const float *restrict inverse = dice->bn.inverse, *restrict kappa = dice->kappa;
    size_t units = dice->bn.units;
    for (size_t j = 0; j < units; j++) {
        struct gate p = gate_of(standardise(x[j], high[j], low[j], inverse[j]));
        y[j] = x[j] * (kappa[j] + (1 - kappa[j]) * p.open);
    }
}

void layer_dice_forward(const struct layer_dice *dice, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        forward_row(dice, x + i * dice->bn.units, y + i * dice->bn.units);
}

CLONES static void backward_sum_row(const struct layer_dice *dice, const float *restrict g,
                                    const float *restrict x, double *restrict sum_h,
                                    double *restrict sum_hx, double *restrict sum_kappa)
{
    const float *restrict high = dice->bn.mean_high, *restrict low = dice->bn.mean_low;
    const float *restrict inverse = dice->bn.inverse, *restrict kappa = dice->kappa;
    size_t units = dice->bn.units;
    for (size_t j = 0; j < units; j++) {
        float xhat = standardise(x[j], high[j], low[j], inverse[j]);
        struct gate p = gate_of(xhat);
        float shut = g[j] * x[j] * p.shut, h = (1 - kappa[j]) * shut * p.open;
        sum_h[j] += (double)h;
        sum_hx[j] += (double)h * (double)xhat;
        sum_kappa[j] += (double)shut;
    }
}

void layer_dice_backward_sum(const struct layer_dice *dice, const float *g, const float *x,
                             size_t n, const struct layer_dice_sums *sums)
{
    for (size_t i = 0; i < n; i++)
        backward_sum_row(dice, g + i * dice->bn.units, x + i * dice->bn.units, sums->h, sums->hx,
                         sums->kappa);
}

CLONES static void backward_input_row(const struct layer_dice *dice, float *restrict g,
                                      const float *restrict x, const float *restrict mean_h,
                                      const float *restrict mean_hx)
{
    const float *restrict high = dice->bn.mean_high, *restrict low = dice->bn.mean_low;
    const float *restrict inverse = dice->bn.inverse, *restrict kappa = dice->kappa;
    size_t units = dice->bn.units;
    for (size_t j = 0; j < units; j++) {
        float xhat = standardise(x[j], high[j], low[j], inverse[j]);
        struct gate p = gate_of(xhat);
        float h = (1 - kappa[j]) * (g[j] * x[j] * p.shut) * p.open;
        float centred = (h - mean_h[j]) - xhat * mean_hx[j];
        g[j] = g[j] * (kappa[j] + (1 - kappa[j]) * p.open) + centred * inverse[j];
    }
}

void layer_dice_backward_input(const struct layer_dice *dice, float *g, const float *x, size_t n,
                               const float *mean_h, const float *mean_hx)
{
    for (size_t i = 0; i < n; i++)
        backward_input_row(dice, g + i * dice->bn.units, x + i * dice->bn.units, mean_h, mean_hx);
}
