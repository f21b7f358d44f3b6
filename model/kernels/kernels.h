// The numeric kernels of scoring, one table per instruction set, chosen once at start.
//
// Every set gives the same fp32 bits (design: the reduction order). Output j of a row is one chain:
// acc = init[j], then acc = fma(x[k], W[k][j], acc) for k ascending. Layers with fewer than 16
// outputs: partial l (0..15) takes the k = l mod 16 ascending by fma from 0; partials are added 8,
// 4, 2, 1 apart; then the bias is added. ReLU is `x < 0 ? 0 : x`, so a NaN passes.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { KERNELS_PANEL = 32, KERNELS_NARROW = 16 };

// Weights of a wide layer packed for streaming: panel p holds columns 32p .. 32p+31 of W^T, k by k:
// panels[(p * in + k) * 32 + c] = W[32p + c][k]; columns beyond `out` are zero.
struct kernels_panels {
    const float *data; // 64-byte aligned
    size_t in, out;    // out >= KERNELS_NARROW; padded to a multiple of 32 in storage
};

struct kernels {
    const char *name; // "scalar", "avx2", "avx512"
    // y (n, out): chains from init (padded to a multiple of 32 floats) over x (n, in). Row strides
    // in floats; y_stride >= out rounded up to 32 (the padding is written as garbage-free zeros or
    // init).
    void (*dense)(const float *x, size_t n, size_t x_stride, const struct kernels_panels *w,
                  const float *init, bool relu, float *y, size_t y_stride);
    // y (n, out) for out < 16: w (out, in) as it stands, in the partial-sum order above.
    void (*narrow)(const float *x, size_t n, size_t x_stride, const float *w, size_t in, size_t out,
                   const float *bias, bool relu, float *y, size_t y_stride);
    // y[i] = sign(x[i]) * log(1 + |x[i]|), same polynomial in the same order everywhere; in place
    // allowed.
    void (*log1p)(const float *x, size_t n, float *y);
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

// sigma(s) = 1 / (1 + exp(-s)) in double by our own exp (no libm): the one used for calibration and
// serving. Within 2 ulp of the exact value, monotone in s, never NaN for a finite s.
double kernels_sigmoid(double s);
