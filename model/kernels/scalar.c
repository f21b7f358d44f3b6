// The truth: each operation as its definition reads. The other sets must give these bits.
#include "model/kernels/elementwise.h"
#include "model/kernels/sets.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static float relu_of(float x)
{
    return x < 0 ? 0 : x;
}

void scalar_dense(const float *x, size_t n, size_t x_stride, const struct kernels_panels *w,
                  const float *init, size_t init_stride, bool relu, float *y, size_t y_stride)
{
    for (size_t first = 0; first < w->out; first += KERNELS_PANEL) {
        const float *panel = w->data + first * w->in;
        size_t columns = w->out - first > KERNELS_LINE ? KERNELS_PANEL : KERNELS_LINE;
        for (size_t i = 0; i < n; i++) {
            float acc[KERNELS_PANEL];
            memcpy(acc, init + i * init_stride + first, columns * sizeof(*acc));
            for (size_t k = 0; k < w->in; k++)
                for (size_t c = 0; c < columns; c++)
                    acc[c] = fmaf(x[i * x_stride + k], panel[k * KERNELS_PANEL + c], acc[c]);
            for (size_t c = 0; c < columns; c++)
                y[i * y_stride + first + c] = relu ? relu_of(acc[c]) : acc[c];
        }
    }
}

static float narrow_one(const float *x, const float *w, size_t in, float bias)
{
    float partial[KERNELS_NARROW] = {0};
    for (size_t k = 0; k < in; k++)
        partial[k % KERNELS_NARROW] = fmaf(x[k], w[k], partial[k % KERNELS_NARROW]);
    for (size_t apart = KERNELS_NARROW / 2; apart > 0; apart /= 2)
        for (size_t l = 0; l < apart; l++)
            partial[l] += partial[l + apart];
    return partial[0] + bias;
}

void scalar_narrow(const float *x, size_t n, size_t x_stride, const float *w, size_t in, size_t out,
                   const float *bias, bool relu, float *y, size_t y_stride)
{
    assert(out < KERNELS_NARROW);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            float sum = narrow_one(x + i * x_stride, w + j * in, in, bias[j]);
            y[i * y_stride + j] = relu ? relu_of(sum) : sum;
        }
}

static float log1p_one(float x)
{
    float a = fabsf(x);
    if (!(a < INFINITY))
        return x;
    float u = 1 + a;
    float big = a > 1 ? a : 1, small = a < 1 ? a : 1;
    float lost = (small - (u - big)) / u;
    int32_t bits;
    memcpy(&bits, &u, sizeof(bits));
    bits -= sets_sqrt_half_bits;
    int32_t exponent = bits >> 23, mantissa = (bits & sets_mantissa_bits) + sets_sqrt_half_bits;
    float m, k = (float)exponent;
    memcpy(&m, &mantissa, sizeof(m));
    float f = exponent == 0 ? a : m - 1;
    float c = exponent == 0 ? 0 : lost;
    float s = f / (2 + f), z = s * s;
    float r = z * (sets_atanh3 + z * (sets_atanh5 + z * (sets_atanh7 + z * sets_atanh9)));
    float y = k * sets_ln2_hi + (f - (s * (f - r) - (k * sets_ln2_lo + c)));
    return copysignf(y, x);
}

void scalar_log1p(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = log1p_one(x[i]);
}

static float exp_one(float x)
{
    float t = fmaf(x, sets_log2_e, sets_round), k = t - sets_round;
    float r = fmaf(k, -sets_ln2_lo, fmaf(k, -sets_ln2_hi, x));
    float p = sets_exp[0];
    for (size_t i = 1; i < SETS_EXP; i++)
        p = fmaf(p, r, sets_exp[i]);
    uint32_t bits;
    memcpy(&bits, &t, sizeof(bits));
    bits = (bits + sets_exponent_bias) << sets_mantissa_width;
    float power;
    memcpy(&power, &bits, sizeof(power));
    return x < sets_exp_least ? 0 : p * power;
}

void scalar_exp(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = exp_one(x[i]);
}

void scalar_sigmoid(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        float e = exp_one(-fabsf(x[i]));
        y[i] = (x[i] < 0 ? e : 1) / (1 + e);
    }
}

void scalar_pool(const float *a, const float *x, size_t n, size_t x_stride, size_t width, float *y)
{
    for (size_t k = 0; k < width; k++) {
        float acc = 0;
        for (size_t i = 0; i < n; i++)
            acc = fmaf(a[i], x[i * x_stride + k], acc);
        y[k] = acc;
    }
}

ELEMENTWISE(scalar)
