// Operations without sums, one rounding each: plain C, which each set compiles for itself. With
// nothing contracted the bits are the same however wide the compiler makes the loops. For
// model/kernels alone.
#pragma once

#include "model/kernels/kernels.h"

#include <stdint.h>
#include <string.h>

// x > 0 ? x : other, by bits: of two results compilers make a jump, which is not vectorised.
static inline float elementwise_above_or(float x, float other)
{
    uint32_t mask = x > 0 ? UINT32_MAX : 0, x_bits, other_bits;
    memcpy(&x_bits, &x, sizeof(x));
    memcpy(&other_bits, &other, sizeof(other));
    x_bits = (x_bits & mask) | (other_bits & ~mask);
    memcpy(&x, &x_bits, sizeof(x));
    return x;
}

static inline void elementwise_prelu(float *restrict x, size_t n, size_t x_stride, size_t width,
                                     const float *restrict kappa)
{
    for (size_t i = 0; i < n; i++, x += x_stride)
        for (size_t j = 0; j < width; j++)
            x[j] = elementwise_above_or(x[j], kappa[j] * x[j]);
}

// A piece of a row at a time: its probabilities stay in the first cache.
enum { ELEMENTWISE_PIECE = 256 };

static inline void elementwise_dice(float *restrict x, size_t n, size_t x_stride, size_t width,
                                    const struct kernels_dice *dice, kernels_sigmoid_fn *sigmoid)
{
    float p[ELEMENTWISE_PIECE];
    for (size_t i = 0; i < n; i++, x += x_stride)
        for (size_t first = 0; first < width; first += ELEMENTWISE_PIECE) {
            size_t count = width - first < ELEMENTWISE_PIECE ? width - first : ELEMENTWISE_PIECE;
            const float *restrict kappa = dice->kappa + first, *restrict rest = dice->rest + first;
            const float *restrict mean = dice->mean + first;
            const float *restrict inverse = dice->inverse + first;
            float *restrict piece = x + first;
            for (size_t j = 0; j < count; j++)
                p[j] = (piece[j] - mean[j]) * inverse[j];
            sigmoid(p, count, p);
            for (size_t j = 0; j < count; j++)
                piece[j] = piece[j] * (kappa[j] + rest[j] * p[j]);
        }
}

static inline void elementwise_add_row(const float *restrict x, size_t n, size_t x_stride,
                                       const float *restrict row, size_t width, float *restrict y,
                                       size_t y_stride)
{
    for (size_t i = 0; i < n; i++, x += x_stride, y += y_stride)
        for (size_t j = 0; j < width; j++)
            y[j] = x[j] + row[j];
}

static inline void elementwise_mul_row(const float *restrict x, size_t n, size_t x_stride,
                                       const float *restrict row, size_t width, float *restrict y,
                                       size_t y_stride)
{
    for (size_t i = 0; i < n; i++, x += x_stride, y += y_stride)
        for (size_t j = 0; j < width; j++)
            y[j] = x[j] * row[j];
}

// All of them as functions of a set that has a sigmoid.
#define ELEMENTWISE(set)                                                                           \
    void set##_prelu(float *x, size_t n, size_t x_stride, size_t width, const float *kappa)        \
    {                                                                                              \
        elementwise_prelu(x, n, x_stride, width, kappa);                                           \
    }                                                                                              \
    void set##_dice(float *x, size_t n, size_t x_stride, size_t width,                             \
                    const struct kernels_dice *dice)                                               \
    {                                                                                              \
        elementwise_dice(x, n, x_stride, width, dice, set##_sigmoid);                              \
    }                                                                                              \
    void set##_add_row(const float *x, size_t n, size_t x_stride, const float *row, size_t width,  \
                       float *y, size_t y_stride)                                                  \
    {                                                                                              \
        elementwise_add_row(x, n, x_stride, row, width, y, y_stride);                              \
    }                                                                                              \
    void set##_mul_row(const float *x, size_t n, size_t x_stride, const float *row, size_t width,  \
                       float *y, size_t y_stride)                                                  \
    {                                                                                              \
        elementwise_mul_row(x, n, x_stride, row, width, y, y_stride);                              \
    }
