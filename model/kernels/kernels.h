// The numeric kernels of scoring, one table per instruction set, chosen once at start.
//
// Every set gives the same fp32 bits (a NaN is a NaN in every set, its payload is not promised).
// Output j of a row is one chain: acc = init[j], then acc = fma(x[k], W[k][j], acc) for k
// ascending. Layers with fewer than 16 outputs: partial l (0..15) takes the k = l mod 16 ascending
// by fma from 0; partials are added 8, 4, 2, 1 apart; then the bias is added. ReLU is `x < 0 ? 0 :
// x`, so a NaN passes.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { KERNELS_PANEL = 32, KERNELS_LINE = 16, KERNELS_NARROW = 16 };

// Weights of a wide layer packed for streaming: panel p holds columns 32p .. 32p+31 of W^T, k by k:
// panels[(p * in + k) * 32 + c] = W[32p + c][k]; columns beyond `out` are zero.
struct kernels_panels {
    const float *data; // 64-byte aligned
    size_t in, out;    // padded to a multiple of 32 outputs in storage
};

// y (n, out): chains over x (n, in). Row strides in floats. Row i starts from init + i *
// init_stride; a stride of 0 is one init for all rows. Outputs come in lines of 16: init is read
// and y is written up to out rounded up to 16, the padding with the chains of the zero columns. y
// must not overlap x; it may be init itself, with the same stride. Nothing but w->data needs an
// alignment. (A layer of a network with fewer than 16 outputs goes by the other order, below.)
typedef void kernels_dense_fn(const float *x, size_t n, size_t x_stride,
                              const struct kernels_panels *w, const float *init, size_t init_stride,
                              bool relu, float *y, size_t y_stride);
// y (n, out) for out < 16: w (out, in) as it stands, bias (out), in the partial-sum order above.
// Writes nothing behind column out. y must not overlap x.
typedef void kernels_narrow_fn(const float *x, size_t n, size_t x_stride, const float *w, size_t in,
                               size_t out, const float *bias, bool relu, float *y, size_t y_stride);
// y[i] = sign(x[i]) * log(1 + |x[i]|) within 2 ulp, x (n), y (n); in place allowed. Keeps the sign
// of zero, passes NaN and infinity.
typedef void kernels_log1p_fn(const float *x, size_t n, float *y);
// y[i] = exp(x[i]) for x[i] <= 0, within 1 ulp; 1 at 0, 0 where the result would be denormal (below
// -87.3365), NaN for NaN. x (n), y (n); in place allowed.
typedef void kernels_exp_fn(const float *x, size_t n, float *y);
// y[i] = 1 / (1 + exp(-x[i])) within 3 ulp, x (n), y (n); in place allowed. 0.5 at 0, 1 from about
// 17 on, 0 below -87.3365, NaN for NaN.
typedef void kernels_sigmoid_fn(const float *x, size_t n, float *y);

// PReLU of x (n, width) in place, rows x_stride apart: x > 0 ? x : kappa * x, so a NaN passes.
// kappa (width).
typedef void kernels_prelu_fn(float *x, size_t n, size_t x_stride, size_t width,
                              const float *kappa);
// Dice of x (n, width) in place: x * (kappa + rest * sigmoid((x - mean) * inverse)), each operation
// rounded, sigmoid as above.
struct kernels_dice {
    const float *kappa, *rest;   // (width) each; rest = 1 - kappa
    const float *mean, *inverse; // of the square root of the variance
};
typedef void kernels_dice_fn(float *x, size_t n, size_t x_stride, size_t width,
                             const struct kernels_dice *dice);
// y (n, width) = x (n, width) + row (width), or times row. y must not overlap x or row.
typedef void kernels_add_row_fn(const float *x, size_t n, size_t x_stride, const float *row,
                                size_t width, float *y, size_t y_stride);
typedef void kernels_mul_row_fn(const float *x, size_t n, size_t x_stride, const float *row,
                                size_t width, float *y, size_t y_stride);
// y (width): y[k] = chain from 0 over the rows of x (n, width), acc = fma(a[i], x[i][k], acc). y
// must not overlap a or x.
typedef void kernels_pool_fn(const float *a, const float *x, size_t n, size_t x_stride,
                             size_t width, float *y);

struct kernels {
    const char *name; // as in kernels.def
    kernels_dense_fn *dense;
    kernels_narrow_fn *narrow;
    kernels_log1p_fn *log1p;
    kernels_exp_fn *exp;
    kernels_sigmoid_fn *sigmoid;
    kernels_prelu_fn *prelu;
    kernels_dice_fn *dice;
    kernels_add_row_fn *add_row;
    kernels_mul_row_fn *mul_row;
    kernels_pool_fn *pool;
};

// "auto" takes the best that CPU and OS support. A name that is unknown or that the CPU lacks is
// STATUS_CONFIG: a forced choice never falls back silently.
MUST_USE enum status kernels_choose(const char *name, const struct kernels **ret_kernels,
                                    struct diag *reterr);
// All sets of this build, scalar first, and whether this machine can run each: for tests and
// benches.
size_t kernels_count(void);
const struct kernels *kernels_at(size_t index);
bool kernels_runnable(size_t index);
