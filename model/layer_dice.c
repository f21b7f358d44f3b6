#include "model/layer_dice.h"

#include "base/clones.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// sigma(x) and 1 - sigma(x), each within some ulp: nothing cancels.
struct gate {
    float open, shut;
};

// exp(a) for |a| <= 87, as 2^k exp(r) with |r| <= ln2 / 2; the Taylor series to r^7 errs by less
// than 1e-8. A NaN stays.
static inline float exp_within(float a)
{
    const float round = 0x1.8p23F; // adding it leaves the nearest integer in the low bits
    const uint32_t round_bits = 0x4B400000;
    float shifted = a * 0x1.715476p+0F + round, k = shifted - round;
    float r = (a - k * 0x1.62e4p-1F) - k * 0x1.7f7d1cp-20F; // ln2 in two, k times the first exact
    float p = 1.0F / 720 + r * (1.0F / 5040);
    p = 1.0F / 120 + r * p;
    p = 1.0F / 24 + r * p;
    p = 1.0F / 6 + r * p;
    p = 1.0F / 2 + r * p;
    p = 1 + (r + r * r * p);
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (127 + (bits - round_bits)) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

// Beyond it the gate does not move. Not a constant: there the compiler would branch, and take one
// unit at a time.
static const volatile float farthest = 87;

static inline struct gate gate_of(float xhat, float limit)
{
    float a = -xhat > limit ? limit : -xhat;
    float e = exp_within(a < -limit ? -limit : a), open = 1 / (1 + e);
    return (struct gate){open, e * open};
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

// The rows' loop is inside, so that the constants of the gate are loaded once.
CLONES static void forward_rows(const struct layer_dice *dice, const float *restrict x, size_t n,
                                float *restrict y)
{
    const float *restrict high = dice->bn.mean_high, *restrict low = dice->bn.mean_low;
    const float *restrict inverse = dice->bn.inverse, *restrict kappa = dice->kappa;
    float limit = farthest;
    size_t units = dice->bn.units;
    for (size_t i = 0; i < n; i++, x += units, y += units)
        for (size_t j = 0; j < units; j++) {
            struct gate p = gate_of(standardise(x[j], high[j], low[j], inverse[j]), limit);
            y[j] = x[j] * (kappa[j] + (1 - kappa[j]) * p.open);
        }
}

void layer_dice_forward(const struct layer_dice *dice, const float *x, size_t n, float *y)
{
    forward_rows(dice, x, n, y);
}

CLONES static void backward_sum_rows(const struct layer_dice *dice, const float *restrict g,
                                     const float *restrict x, size_t n, double *restrict sum_h,
                                     double *restrict sum_hx, double *restrict sum_kappa)
{
    const float *restrict high = dice->bn.mean_high, *restrict low = dice->bn.mean_low;
    const float *restrict inverse = dice->bn.inverse, *restrict kappa = dice->kappa;
    float limit = farthest;
    size_t units = dice->bn.units;
    for (size_t i = 0; i < n; i++, g += units, x += units)
        for (size_t j = 0; j < units; j++) {
            float xhat = standardise(x[j], high[j], low[j], inverse[j]);
            struct gate p = gate_of(xhat, limit);
            float shut = g[j] * x[j] * p.shut, h = (1 - kappa[j]) * shut * p.open;
            sum_h[j] += (double)h;
            sum_hx[j] += (double)h * (double)xhat;
            sum_kappa[j] += (double)shut;
        }
}

void layer_dice_backward_sum(const struct layer_dice *dice, const float *g, const float *x,
                             size_t n, const struct layer_dice_sums *sums)
{
    backward_sum_rows(dice, g, x, n, sums->h, sums->hx, sums->kappa);
}

CLONES static void backward_input_rows(const struct layer_dice *dice, float *restrict g,
                                       const float *restrict x, size_t n,
                                       const float *restrict mean_h, const float *restrict mean_hx)
{
    const float *restrict high = dice->bn.mean_high, *restrict low = dice->bn.mean_low;
    const float *restrict inverse = dice->bn.inverse, *restrict kappa = dice->kappa;
    float limit = farthest;
    size_t units = dice->bn.units;
    for (size_t i = 0; i < n; i++, g += units, x += units)
        for (size_t j = 0; j < units; j++) {
            float xhat = standardise(x[j], high[j], low[j], inverse[j]);
            struct gate p = gate_of(xhat, limit);
            float h = (1 - kappa[j]) * (g[j] * x[j] * p.shut) * p.open;
            float centred = (h - mean_h[j]) - xhat * mean_hx[j];
            g[j] = g[j] * (kappa[j] + (1 - kappa[j]) * p.open) + centred * inverse[j];
        }
}

void layer_dice_backward_input(const struct layer_dice *dice, float *g, const float *x, size_t n,
                               const float *mean_h, const float *mean_hx)
{
    backward_input_rows(dice, g, x, n, mean_h, mean_hx);
}
