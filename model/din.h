// The attention unit of DIN in its serving form: a user's behaviours weighed against each candidate
// and pooled (spec/algorithm.md 1.2). Every scorer uses this form.
//
// The first layer W = [W1 W2 W3 W4] over [e_b; e_t; e_b - e_t; e_b * e_t] is given as A = W1 + W3,
// B = W2 - W3, C = W4, so that what depends on the behaviour alone is computed once per request and
// what depends on the candidate alone once per candidate. The order of every operation, in fp32:
//   p_b = chain(bias; A e_b);  q_t = chain(0; B e_t);  m[k] = e_b[k] * e_t[k]
//   h   = chain(p_b + q_t; C m), chains at any width (kernels.h)
//   PReLU: h > 0 ? h : kappa * h
//   Dice:  h * (kappa + rest * sigmoid((h - mean) * inverse)), rest = 1 - kappa and
//          inverse = 1 / sqrt(var + 1e-9) in double, each rounded once at load
//   further layers as in a network: chains from 16 outputs on, else partial sums; the activation
//   behind each but the last, which gives a_b
//   softmax: w_b = exp(a_b - max a) / s, s the sum in behaviour order from 0; else w_b = a_b
//   u   = chain from 0 over the behaviours, oldest first: u = fma(w_b, e_b, u)
// Bits do not depend on the number of candidates, position, thread or kernel set. No behaviours: u
// = 0. Padding does not exist here: the caller leaves it out. What is not finite passes into u.
#pragma once

#include "base/status.h"
#include "model/kernels/kernels.h"

#include <stdbool.h>
#include <stddef.h>

struct din; // immutable after din_new, shared by threads; owns packed copies of the weights

enum { DIN_MAX_LAYERS = 8 };
enum din_activation { DIN_PRELU, DIN_DICE };

struct din_layer {
    size_t in, out;
    const float *weight; // (out, in), row-major; NULL in layer 0
    const float *bias;   // (out)
    const float *kappa;  // (out); NULL in the last layer
    const float *mean;   // (out) of Dice, with var the statistics of training; NULL in the last
    const float *var;    // layer and for PReLU
};

struct din_weights {
    size_t dim;                              // of an embedding
    const float *a, *b, *c;                  // (layers[0].out, dim) each
    size_t layer_count;                      // 2 .. DIN_MAX_LAYERS
    struct din_layer layers[DIN_MAX_LAYERS]; // layers[0].in = 4 dim; the last has out = 1
    enum din_activation activation;
    bool softmax;
};

// Refuses shapes that do not chain, numbers that are not finite and variances below 0. The arrays
// are copied.
MUST_USE enum status din_new(const struct din_weights *weights, const struct kernels *kernels,
                             struct din **ret_din, struct diag *reterr);
void din_free(struct din *din);

size_t din_dim(const struct din *din);
// Lengths for at most max_behaviours; the caller bounds these so that the products fit.
size_t din_once_floats(const struct din *din, size_t max_behaviours);   // what din_once fills
size_t din_scratch_bytes(const struct din *din, size_t max_behaviours); // a multiple of 64

// Once per request: p_b of each of e_b (behaviours, dim), oldest first, into once.
void din_once(const struct din *din, const float *e_b, size_t behaviours, float *once);
// e_t (n, dim) -> u (n, dim), rows e_t_stride and u_stride floats apart; u must not overlap the
// others. `scratch` is aligned to 64 bytes and belongs to the caller, one per thread.
void din_forward(const struct din *din, const float *once, const float *e_b, size_t behaviours,
                 const float *e_t, size_t e_t_stride, size_t n, float *u, size_t u_stride,
                 void *scratch);
