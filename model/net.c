#include "model/net.h"

#include "model/kernels/panels.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Rows scored at a time: activations stay in the second cache, and scratch does not grow with n.
// Eight tiles of the tallest kernel.
enum { BLOCK_ROWS = 112, ALIGN_FLOATS = 16, ALIGN_BYTES = 64 };

// A layer in the form that its kernel reads: panels when wide, rows as given when narrow.
struct stage {
    size_t in, out;
    bool relu;
    struct kernels_panels panels; // of the first stage: the columns behind the shared ones
    const float *weight;          // (out, in)
    const float *bias;            // padded with zeros to a multiple of 32
};

struct net {
    const struct kernels *kernels;
    size_t shared_width, row_width;
    struct kernels_panels shared_panels;
    size_t even_stride, odd_stride; // of the two activation blocks, by the number of the stage
    float *memory;                  // all weights
    size_t count;
    struct stage stages[];
};

static bool is_narrow(size_t out)
{
    return out < KERNELS_NARROW;
}

static size_t round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

// Rows of a power of two would all fall into the same few sets of the first cache: one line more.
static size_t stride_of(size_t width)
{
    return round_up(width, KERNELS_PANEL) + ALIGN_FLOATS;
}

// Weights, bias and activations of a layer are below this many floats, so sums of them fit.
static const size_t max_floats = SIZE_MAX / sizeof(float) / 4 / BLOCK_ROWS;

static enum status check_shape(const struct net_layer *layers, size_t count, size_t k,
                               struct diag *reterr)
{
    const struct net_layer *layer = &layers[k];
    if (layer->in == 0 || layer->out == 0)
        return diag_set(reterr, STATUS_INVALID, "layer %zu: a width is 0", k);
    if (k > 0 && layer->in != layers[k - 1].out)
        return diag_set(reterr, STATUS_INVALID,
                        "layer %zu: takes %zu values, but the layer before gives %zu", k, layer->in,
                        layers[k - 1].out);
    if (k + 1 == count && layer->out != 1)
        return diag_set(reterr, STATUS_INVALID, "layer %zu: the last gives %zu values, not 1", k,
                        layer->out);
    size_t floats;
    if (layer->in > max_floats - ALIGN_FLOATS || layer->out > max_floats - 2 * KERNELS_PANEL ||
        __builtin_mul_overflow(layer->in, round_up(layer->out, KERNELS_PANEL), &floats) ||
        floats > max_floats)
        return diag_set(reterr, STATUS_TOO_LARGE, "layer %zu: (%zu, %zu) is too large", k,
                        layer->out, layer->in);
    return STATUS_OK;
}

static enum status check_numbers(const struct net_layer *layer, size_t k, struct diag *reterr)
{
    for (size_t i = 0; i < layer->out * layer->in; i++)
        if (!isfinite(layer->weight[i]))
            return diag_set(reterr, STATUS_INVALID, "layer %zu: weight (%zu, %zu) is not finite", k,
                            i / layer->in, i % layer->in);
    for (size_t j = 0; j < layer->out; j++)
        if (!isfinite(layer->bias[j]))
            return diag_set(reterr, STATUS_INVALID, "layer %zu: bias (%zu) is not finite", k, j);
    return STATUS_OK;
}

static enum status check(const struct net_layer *layers, size_t count, size_t shared_width,
                         struct diag *reterr)
{
    if (count == 0)
        return diag_set(reterr, STATUS_INVALID, "a network without layers");
    for (size_t k = 0; k < count; k++) {
        TRY(check_shape(layers, count, k, reterr));
        TRY(check_numbers(&layers[k], k, reterr));
    }
    if (shared_width > layers[0].in)
        return diag_set(reterr, STATUS_INVALID, "%zu shared columns, but layer 0 takes only %zu",
                        shared_width, layers[0].in);
    return STATUS_OK;
}

// What pack_layer takes: every piece begins at a multiple of 64 bytes.
static enum status memory_new(const struct net_layer *layers, size_t count, float **ret_memory,
                              struct diag *reterr)
{
    size_t floats = 0;
    for (size_t k = 0; k < count; k++) {
        size_t padded = round_up(layers[k].out, KERNELS_PANEL);
        size_t weights = round_up(padded * layers[k].in, ALIGN_FLOATS);
        if (__builtin_add_overflow(floats, weights + padded, &floats) || floats > max_floats)
            return diag_set(reterr, STATUS_TOO_LARGE, "the network is too large");
    }
    float *memory = aligned_alloc(ALIGN_BYTES, floats * sizeof(float));
    if (memory == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu weights", floats);
    memset(memory, 0, floats * sizeof(float));
    *ret_memory = memory;
    return STATUS_OK;
}

// The columns from..to of W as panels in zeroed memory; *free_floats moves behind them.
static struct kernels_panels pack_panels(const struct net_layer *layer, size_t from, size_t to,
                                         float **free_floats)
{
    float *data = *free_floats;
    *free_floats += panels_floats(to - from, layer->out);
    return panels_pack(layer->weight, layer->in, from, to - from, layer->out, data);
}

static void pack_stage(const struct net_layer *layer, size_t shared_width, struct stage *stage,
                       struct kernels_panels *ret_shared, float **free_floats)
{
    stage->in = layer->in;
    stage->out = layer->out;
    stage->bias = *free_floats;
    memcpy(*free_floats, layer->bias, layer->out * sizeof(float));
    *free_floats += round_up(layer->out, KERNELS_PANEL);
    if (is_narrow(layer->out)) {
        stage->weight = *free_floats;
        memcpy(*free_floats, layer->weight, layer->out * layer->in * sizeof(float));
        *free_floats += round_up(layer->out * layer->in, ALIGN_FLOATS);
        return;
    }
    if (shared_width > 0)
        *ret_shared = pack_panels(layer, 0, shared_width, free_floats);
    stage->panels = pack_panels(layer, shared_width, layer->in, free_floats);
}

static void pack(const struct net_layer *layers, struct net *net)
{
    float *free_floats = net->memory;
    for (size_t k = 0; k < net->count; k++) {
        pack_stage(&layers[k], k == 0 ? net->shared_width : 0, &net->stages[k], &net->shared_panels,
                   &free_floats);
        net->stages[k].relu = k + 1 < net->count;
        size_t *stride = k % 2 == 0 ? &net->even_stride : &net->odd_stride;
        if (stride_of(layers[k].out) > *stride)
            *stride = stride_of(layers[k].out);
    }
    // A narrow first layer reads whole rows, put together where the second will write.
    if (is_narrow(layers[0].out) && stride_of(layers[0].in) > net->odd_stride)
        net->odd_stride = stride_of(layers[0].in);
}

enum status net_new(const struct net_layer *layers, size_t count, size_t shared_width,
                    const struct kernels *kernels, struct net **ret_net, struct diag *reterr)
{
    TRY(check(layers, count, shared_width, reterr));
    float *memory = NULL;
    TRY(memory_new(layers, count, &memory, reterr));
    struct net *net = calloc(1, sizeof(*net) + count * sizeof(net->stages[0]));
    if (net == NULL) {
        free(memory);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a network");
    }
    net->kernels = kernels;
    net->count = count;
    net->shared_width = shared_width;
    net->row_width = layers[0].in - shared_width;
    net->memory = memory;
    pack(layers, net);
    *ret_net = net;
    return STATUS_OK;
}

void net_free(struct net *net)
{
    if (net == NULL)
        return;
    free(net->memory);
    free(net);
}

size_t net_shared_width(const struct net *net)
{
    return net->shared_width;
}

size_t net_row_width(const struct net *net)
{
    return net->row_width;
}

size_t net_shared_floats(const struct net *net)
{
    size_t out = net->stages[0].out;
    return is_narrow(out) ? net->shared_width : round_up(out, KERNELS_PANEL);
}

size_t net_scratch_bytes(const struct net *net)
{
    return BLOCK_ROWS * (net->even_stride + net->odd_stride) * sizeof(float);
}

// A narrow layer has 16 partial sums, not a chain that could be stopped: its shared part are the
// values themselves, put before each row.
void net_shared(const struct net *net, const float *shared, float *init)
{
    const struct stage *first = &net->stages[0];
    size_t padded = round_up(first->out, KERNELS_PANEL);
    if (is_narrow(first->out)) {
        if (net->shared_width > 0)
            memcpy(init, shared, net->shared_width * sizeof(float));
    } else if (net->shared_width > 0) {
        net->kernels->dense(shared, 1, net->shared_width, &net->shared_panels, first->bias, 0,
                            false, init, padded);
    } else {
        memcpy(init, first->bias, padded * sizeof(float));
    }
}

// [init, row] for each of n rows, as a narrow first layer reads them.
static void join(const struct net *net, const float *init, const float *rows, size_t n,
                 float *whole)
{
    for (size_t i = 0; i < n; i++) {
        float *row = whole + i * net->odd_stride;
        if (net->shared_width > 0)
            memcpy(row, init, net->shared_width * sizeof(float));
        if (net->row_width > 0)
            memcpy(row + net->shared_width, rows + i * net->row_width,
                   net->row_width * sizeof(float));
    }
}

static void forward_block(const struct net *net, const float *init, const float *rows, size_t n,
                          float *logit, float *even, float *odd)
{
    const float *x = rows;
    size_t x_stride = net->row_width;
    if (is_narrow(net->stages[0].out)) {
        join(net, init, rows, n, odd);
        x = odd;
        x_stride = net->odd_stride;
    }
    for (size_t k = 0; k < net->count; k++) {
        const struct stage *stage = &net->stages[k];
        bool last = k + 1 == net->count;
        float *y = last ? logit : k % 2 == 0 ? even : odd;
        size_t y_stride = last ? 1 : k % 2 == 0 ? net->even_stride : net->odd_stride;
        if (is_narrow(stage->out))
            net->kernels->narrow(x, n, x_stride, stage->weight, stage->in, stage->out, stage->bias,
                                 stage->relu, y, y_stride);
        else
            net->kernels->dense(x, n, x_stride, &stage->panels, k == 0 ? init : stage->bias, 0,
                                stage->relu, y, y_stride);
        x = y;
        x_stride = y_stride;
    }
}

void net_forward(const struct net *net, const float *init, const float *rows, size_t n,
                 float *logit, void *scratch)
{
    assert((uintptr_t)scratch % ALIGN_BYTES == 0);
    float *even = scratch, *odd = even + BLOCK_ROWS * net->even_stride;
    size_t blocks = n / BLOCK_ROWS + (n % BLOCK_ROWS != 0);
    for (size_t b = 0; b < blocks; b++) {
        size_t begin = b * n / blocks, end = (b + 1) * n / blocks;
        forward_block(net, init, rows + begin * net->row_width, end - begin, logit + begin, even,
                      odd);
    }
}
