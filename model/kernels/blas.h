// The one door to OpenBLAS: the matrix products of training, and which of its kernels compute them.
//
// All matrices are fp32, row-major; a stride is the distance of two rows in floats, at least the
// row's length. Results are overwritten, never added to; they must not overlap the operands. Sizes
// may be 0; a sum over nothing is 0. One thread computes each call (after blas_setup) and any
// number of threads may call; the same operands give the same bits on the same core type.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

// y (n, out) = x (n, in) * w^T, w (out, in): forward.
void blas_forward(size_t n, size_t in, size_t out, const float *x, size_t x_stride, const float *w,
                  size_t w_stride, float *y, size_t y_stride);
// dx (n, in) = g (n, out) * w, w (out, in), g = d loss / d y.
void blas_grad_input(size_t n, size_t in, size_t out, const float *g, size_t g_stride,
                     const float *w, size_t w_stride, float *dx, size_t dx_stride);
// dw (out, in) = g^T * x, g (n, out), x (n, in).
void blas_grad_weight(size_t n, size_t in, size_t out, const float *g, size_t g_stride,
                      const float *x, size_t x_stride, float *dw, size_t dw_stride);

// Once at start, before the first product: no threads of its own, since the trainer has its team.
void blas_setup(void);
const char *blas_core_name(void); // of the kernels in use, as OPENBLAS_CORETYPE spells it
const char *blas_version(void);   // "OpenBLAS 0.3.21 ...", version and build options

// OpenBLAS takes kernels that are too old on CPUs newer than itself, and chooses before main runs.
// Where that happened this sets OPENBLAS_CORETYPE and executes the program again with the same
// arguments: then it does not return. Nothing happens when the user has set OPENBLAS_CORETYPE, or
// the second time. Where the program cannot be executed again it logs why and goes on: slower,
// still right. Call it first in main: before threads, open files and output.
MUST_USE enum status blas_restart(char *const argv[], struct diag *reterr);

// The decision of blas_restart: the name of better kernels than `core` for a CPU that has AVX2
// (with FMA) or AVX-512 (F, CD, BW, DQ, VL), or NULL. A core name that is not known is left alone.
const char *blas_better_core(const char *core, bool avx2, bool avx512);
