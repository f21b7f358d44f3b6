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

enum { KERNELS_PANEL = 32, KERNELS_NARROW = 16 };

// Weights of a wide layer packed for streaming: panel p holds columns 32p .. 32p+31 of W^T, k by k:
// panels[(p * in + k) * 32 + c] = W[32p + c][k]; columns beyond `out` are zero.
struct kernels_panels {
    const float *data; // 64-byte aligned
    size_t in, out;    // out >= KERNELS_NARROW; padded to a multiple of 32 in storage
};

// y (n, out): chains from init (padded to a multiple of 32 floats) over x (n, in). Row strides in
// floats. y_stride >= out rounded up to 32: the padding of a row is written too, with the chains of
// the zero columns. y must not overlap x. Nothing but w->data needs an alignment.
typedef void kernels_dense_fn(const float *x, size_t n, size_t x_stride,
                              const struct kernels_panels *w, const float *init, bool relu,
                              float *y, size_t y_stride);
// y (n, out) for out < 16: w (out, in) as it stands, bias (out), in the partial-sum order above.
// Writes nothing behind column out. y must not overlap x.
typedef void kernels_narrow_fn(const float *x, size_t n, size_t x_stride, const float *w, size_t in,
                               size_t out, const float *bias, bool relu, float *y, size_t y_stride);
// y[i] = sign(x[i]) * log(1 + |x[i]|) within 2 ulp, x (n), y (n); in place allowed. Keeps the sign
// of zero, passes NaN and infinity.
typedef void kernels_log1p_fn(const float *x, size_t n, float *y);

struct kernels {
    const char *name; // as in kernels.def
    kernels_dense_fn *dense;
    kernels_narrow_fn *narrow;
    kernels_log1p_fn *log1p;
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
