#pragma once
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
enum { DIN_MAX_LAYERS = 9 };
enum din_activation { DIN_PRELU, DIN_DICE };
struct din_layer {
    size_t in, out;
    const float *weight, *bias, *kappa, *mean, *var;
};
struct din_weights {
    size_t dim, layer_count;
    const float *a, *b, *c;
    struct din_layer layers[DIN_MAX_LAYERS];
    enum din_activation activation;
    bool softmax;
};
struct kernels;
struct din;
MUST_USE enum status din_new(const struct din_weights *weights, const struct kernels *kernels,
                             struct din **ret_din, struct diag *reterr);
void din_free(struct din *din);
size_t din_once_floats(const struct din *din, size_t behaviours);
void din_once(const struct din *din, const float *behaviour, size_t behaviours, float *once);
size_t din_scratch_bytes(const struct din *din, size_t behaviours);
void din_forward(const struct din *din, const float *once, const float *behaviour,
                 size_t behaviours, const float *target, size_t target_stride, size_t n, float *u,
                 size_t u_stride, void *scratch);
