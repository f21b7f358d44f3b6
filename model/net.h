// The network in its serving form: folded linear layers with ReLU between, scored by our kernels.
//
// "A score is what net_forward returns": ctrd, ctr score, evaluation, early stopping, precomputed
// teacher scores all come from here. Bits do not depend on batch size, position, thread or CPU.
//
// Columns stand in the order user, context, item, privileged. What depends on the first
// `shared_width` columns alone is computed once per request (net_shared) and resumed per row.
#pragma once

#include "base/status.h"
#include "model/kernels/kernels.h"

#include <stddef.h>

struct net; // immutable after net_new, shared by threads; owns packed copies of the weights

struct net_layer {
    const float *weight; // (out, in), row-major
    const float *bias;   // (out)
    size_t in, out;
};

// Layers from input to the logit (the last has out = 1, no ReLU). shared_width <= layers[0].in.
// Refuses widths that do not chain and numbers that are not finite. The arrays are copied.
MUST_USE enum status net_new(const struct net_layer *layers, size_t count, size_t shared_width,
                             const struct kernels *kernels, struct net **ret_net,
                             struct diag *reterr);
void net_free(struct net *net);

size_t net_shared_width(const struct net *net);
size_t net_row_width(const struct net *net);     // columns behind the shared ones
size_t net_shared_floats(const struct net *net); // length of the block that net_shared fills
size_t net_scratch_bytes(const struct net *net); // 64-byte aligned memory for one net_forward call

// init (net_shared_floats): the first layer's chain stopped after the shared columns.
void net_shared(const struct net *net, const float *shared, float *init);
// rows (n, net_row_width) -> logit (n). `scratch` belongs to the caller, one per thread.
void net_forward(const struct net *net, const float *init, const float *rows, size_t n,
                 float *logit, void *scratch);
