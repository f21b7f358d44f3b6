#include "model/din.h"

#include "base/num.h"
#include "model/kernels/panels.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Pairs of behaviour and candidate at a time, so that what stands between two layers stays in the
// nearer caches: whole tiles of the kernels. Candidates at a time, so that few behaviours fill
// them.
enum { BLOCK_PAIRS = 42, BLOCK_CANDIDATES = 32 };
enum { ALIGN_FLOATS = 16, ALIGN_BYTES = 64 };

static const double dice_epsilon = 1e-9;

// A layer in the form that its kernel reads; layer 0 has C in its panels.
struct stage {
    size_t in, out;
    size_t computed; // numbers that the kernel writes per row
    struct kernels_panels panels;
    const float *weight;      // (out, in) of a narrow layer; NULL of a wide one
    const float *bias;        // padded with zeros to whole lines, like those below
    struct kernels_dice dice; // PReLU has the kappa alone
};

struct din {
    const struct kernels *kernels;
    size_t dim, count;
    enum din_activation activation;
    bool softmax;
    struct kernels_panels a, b;
    const float *zeros;                             // (line_of(layers[0].out)): where q_t starts
    size_t line;                                    // row length of p_b and q_t
    size_t product_stride, even_stride, odd_stride; // of the blocks of pairs
    float *memory;                                  // all weights
    struct stage stages[DIN_MAX_LAYERS];
};

static size_t line_of(size_t width)
{
    return num_round_up(width, KERNELS_LINE);
}

// Rows of a power of two would fall into few sets of the first cache: one line more.
static size_t stride_of(size_t width)
{
    return line_of(width) + ALIGN_FLOATS;
}

static bool is_narrow(size_t layer, size_t out)
{
    return layer > 0 && out < KERNELS_NARROW;
}

// ---- checks

// Weights and blocks are below this many floats, so that sums of a few of them fit.
static const size_t max_floats = SIZE_MAX / sizeof(float) / 16 / BLOCK_PAIRS;

static enum status check_shape(const struct din_weights *weights, size_t k, struct diag *reterr)
{
    const struct din_layer *layer = &weights->layers[k];
    size_t in = k == 0 ? 4 * weights->dim : weights->layers[k - 1].out, floats;
    bool last = k + 1 == weights->layer_count;
    if (layer->in != in)
        return diag_set(reterr, STATUS_INVALID, "attention layer %zu: takes %zu values, not %zu", k,
                        layer->in, in);
    if (layer->out == 0 || (last && layer->out != 1))
        return diag_set(reterr, STATUS_INVALID, "attention layer %zu: gives %zu values%s", k,
                        layer->out, last ? ", the last must give 1" : "");
    if (layer->out > max_floats - 2 * KERNELS_PANEL ||
        !num_mul(layer->in, num_round_up(layer->out, KERNELS_PANEL), &floats) ||
        floats > max_floats)
        return diag_set(reterr, STATUS_TOO_LARGE, "attention layer %zu: (%zu, %zu) is too large", k,
                        layer->out, layer->in);
    return STATUS_OK;
}

static enum status check_finite(const float *x, size_t rows, size_t columns, size_t k,
                                const char *name, struct diag *reterr)
{
    for (size_t i = 0; i < rows * columns; i++)
        if (!isfinite(x[i]))
            return diag_set(reterr, STATUS_INVALID,
                            "attention layer %zu: %s (%zu, %zu) is not finite", k, name,
                            i / columns, i % columns);
    return STATUS_OK;
}

static enum status check_numbers(const struct din_weights *weights, size_t k, struct diag *reterr)
{
    const struct din_layer *layer = &weights->layers[k];
    size_t out = layer->out;
    if (k == 0) {
        TRY(check_finite(weights->a, out, weights->dim, k, "A", reterr));
        TRY(check_finite(weights->b, out, weights->dim, k, "B", reterr));
        TRY(check_finite(weights->c, out, weights->dim, k, "C", reterr));
    } else {
        TRY(check_finite(layer->weight, out, layer->in, k, "weight", reterr));
    }
    TRY(check_finite(layer->bias, 1, out, k, "bias", reterr));
    if (k + 1 == weights->layer_count)
        return STATUS_OK;
    TRY(check_finite(layer->kappa, 1, out, k, "kappa", reterr));
    if (weights->activation == DIN_PRELU)
        return STATUS_OK;
    TRY(check_finite(layer->mean, 1, out, k, "mean", reterr));
    TRY(check_finite(layer->var, 1, out, k, "var", reterr));
    for (size_t j = 0; j < out; j++)
        if (layer->var[j] < 0)
            return diag_set(reterr, STATUS_INVALID, "attention layer %zu: var (%zu) is below 0", k,
                            j);
    return STATUS_OK;
}

static enum status check(const struct din_weights *weights, struct diag *reterr)
{
    if (weights->dim == 0 || weights->dim > max_floats / 4)
        return diag_set(reterr, STATUS_INVALID, "attention: embeddings of %zu numbers",
                        weights->dim);
    if (weights->layer_count < 2 || weights->layer_count > DIN_MAX_LAYERS)
        return diag_set(reterr, STATUS_INVALID, "attention: %zu layers, not 2 to %d",
                        weights->layer_count, DIN_MAX_LAYERS);
    for (size_t k = 0; k < weights->layer_count; k++) {
        TRY(check_shape(weights, k, reterr));
        TRY(check_numbers(weights, k, reterr));
    }
    return STATUS_OK;
}

// ---- packing

// What pack_stage takes of one layer at most; of layer 0 with A, B, C (as wide as its `in`) and the
// zeros.
static size_t layer_floats(const struct din_layer *layer)
{
    return num_round_up(panels_floats(layer->in, layer->out), ALIGN_FLOATS) +
           6 * line_of(layer->out);
}

static enum status memory_new(const struct din_weights *weights, float **ret_memory,
                              struct diag *reterr)
{
    size_t floats = 0;
    for (size_t k = 0; k < weights->layer_count; k++)
        floats += layer_floats(&weights->layers[k]);
    float *memory = aligned_alloc(ALIGN_BYTES, floats * sizeof(float));
    if (memory == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for %zu weights", floats);
    memset(memory, 0, floats * sizeof(float));
    *ret_memory = memory;
    return STATUS_OK;
}

// A copy of x (count) in zeroed memory, padded to whole lines.
static float *pack_floats(const float *x, size_t count, float **free_floats)
{
    float *copy = *free_floats;
    memcpy(copy, x, count * sizeof(*x));
    *free_floats += line_of(count);
    return copy;
}

static struct kernels_panels pack_panels(const float *weight, size_t in, size_t out,
                                         float **free_floats)
{
    float *data = *free_floats;
    *free_floats += panels_floats(in, out);
    return panels_pack(weight, in, 0, in, out, data);
}

static void pack_activation(const struct din_layer *layer, enum din_activation activation,
                            struct kernels_dice *ret_dice, float **free_floats)
{
    size_t out = layer->out;
    ret_dice->kappa = pack_floats(layer->kappa, out, free_floats);
    if (activation == DIN_PRELU)
        return;
    ret_dice->mean = pack_floats(layer->mean, out, free_floats);
    float *rest = pack_floats(layer->kappa, out, free_floats);
    float *inverse = pack_floats(layer->var, out, free_floats);
    for (size_t j = 0; j < out; j++) {
        rest[j] = (float)(1 - (double)layer->kappa[j]);
        inverse[j] = (float)(1 / sqrt((double)layer->var[j] + dice_epsilon));
    }
    ret_dice->rest = rest;
    ret_dice->inverse = inverse;
}

static void pack_stage(const struct din_weights *weights, size_t k, struct stage *stage,
                       float **free_floats)
{
    const struct din_layer *layer = &weights->layers[k];
    bool narrow = is_narrow(k, layer->out);
    stage->in = k == 0 ? weights->dim : layer->in;
    stage->out = layer->out;
    stage->computed = narrow ? layer->out : line_of(layer->out);
    if (narrow)
        stage->weight = pack_floats(layer->weight, layer->out * layer->in, free_floats);
    else
        stage->panels =
            pack_panels(k == 0 ? weights->c : layer->weight, stage->in, layer->out, free_floats);
    stage->bias = pack_floats(layer->bias, layer->out, free_floats);
    if (k + 1 < weights->layer_count)
        pack_activation(layer, weights->activation, &stage->dice, free_floats);
}

static void pack(const struct din_weights *weights, struct din *din)
{
    float *free_floats = din->memory;
    size_t out = weights->layers[0].out;
    din->a = pack_panels(weights->a, din->dim, out, &free_floats);
    din->b = pack_panels(weights->b, din->dim, out, &free_floats);
    din->line = line_of(out);
    din->zeros = free_floats;
    free_floats += din->line;
    din->product_stride = line_of(din->dim);
    for (size_t k = 0; k < din->count; k++) {
        pack_stage(weights, k, &din->stages[k], &free_floats);
        size_t *stride = k % 2 == 0 ? &din->even_stride : &din->odd_stride;
        if (stride_of(weights->layers[k].out) > *stride)
            *stride = stride_of(weights->layers[k].out);
    }
}

enum status din_new(const struct din_weights *weights, const struct kernels *kernels,
                    struct din **ret_din, struct diag *reterr)
{
    TRY(check(weights, reterr));
    float *memory = NULL;
    TRY(memory_new(weights, &memory, reterr));
    struct din *din = calloc(1, sizeof(*din));
    if (din == NULL) {
        free(memory);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for an attention unit");
    }
    din->kernels = kernels;
    din->dim = weights->dim;
    din->count = weights->layer_count;
    din->activation = weights->activation;
    din->softmax = weights->softmax;
    din->memory = memory;
    pack(weights, din);
    *ret_din = din;
    return STATUS_OK;
}

void din_free(struct din *din)
{
    if (din == NULL)
        return;
    free(din->memory);
    free(din);
}

size_t din_dim(const struct din *din)
{
    return din->dim;
}

// ---- forward

size_t din_once_floats(const struct din *din, size_t max_behaviours)
{
    return max_behaviours * din->line;
}

size_t din_scratch_bytes(const struct din *din, size_t max_behaviours)
{
    size_t pair = din->product_stride + din->even_stride + din->odd_stride;
    size_t candidate = din->line + max_behaviours;
    return (BLOCK_PAIRS * pair + BLOCK_CANDIDATES * candidate) * sizeof(float);
}

void din_once(const struct din *din, const float *e_b, size_t behaviours, float *once)
{
    din->kernels->dense(e_b, behaviours, din->dim, &din->a, din->stages[0].bias, 0, false, once,
                        din->line);
}

// The blocks of a call: candidates e_t (n <= BLOCK_CANDIDATES, dim) against all behaviours. A pair
// is candidate * behaviours + behaviour.
struct work {
    const float *once, *e_b;
    size_t behaviours;
    const float *e_t;
    size_t e_t_stride, n;
    float *q;                    // (BLOCK_CANDIDATES, line)
    float *attention;            // (BLOCK_CANDIDATES, behaviours)
    float *product, *even, *odd; // (BLOCK_PAIRS, ...)
};

// p_b + q_t and e_b * e_t of the pairs begin..end, behaviours of one candidate at a time.
static void fill_pairs(const struct din *din, const struct work *work, size_t begin, size_t end)
{
    for (size_t pair = begin; pair < end;) {
        size_t candidate = pair / work->behaviours, first = pair % work->behaviours;
        size_t left = work->behaviours - first, count = left < end - pair ? left : end - pair;
        din->kernels->add_row(work->once + first * din->line, count, din->line,
                              work->q + candidate * din->line, din->line,
                              work->even + (pair - begin) * din->even_stride, din->even_stride);
        din->kernels->mul_row(
            work->e_b + first * din->dim, count, din->dim, work->e_t + candidate * work->e_t_stride,
            din->dim, work->product + (pair - begin) * din->product_stride, din->product_stride);
        pair += count;
    }
}

static void activate(const struct din *din, const struct stage *stage, float *x, size_t n,
                     size_t x_stride)
{
    if (din->activation == DIN_PRELU)
        din->kernels->prelu(x, n, x_stride, stage->computed, stage->dice.kappa);
    else
        din->kernels->dice(x, n, x_stride, stage->computed, &stage->dice);
}

static void attend(const struct din *din, const struct work *work, size_t begin, size_t end)
{
    size_t n = end - begin, x_stride = din->even_stride;
    float *x = work->even;
    fill_pairs(din, work, begin, end);
    din->kernels->dense(work->product, n, din->product_stride, &din->stages[0].panels, x, x_stride,
                        false, x, x_stride);
    for (size_t k = 1; k < din->count; k++) {
        const struct stage *stage = &din->stages[k];
        bool last = k + 1 == din->count;
        float *y = last ? work->attention + begin : k % 2 == 0 ? work->even : work->odd;
        size_t y_stride = last ? 1 : k % 2 == 0 ? din->even_stride : din->odd_stride;
        activate(din, stage - 1, x, n, x_stride);
        if (stage->weight != NULL)
            din->kernels->narrow(x, n, x_stride, stage->weight, stage->in, stage->out, stage->bias,
                                 false, y, y_stride);
        else
            din->kernels->dense(x, n, x_stride, &stage->panels, stage->bias, 0, false, y, y_stride);
        x = y;
        x_stride = y_stride;
    }
}

// A NaN among them gives NaN alone: every comparison with it fails, every sum has it.
static void softmax(const struct din *din, float *a, size_t n)
{
    float most = a[0], sum = 0;
    for (size_t b = 1; b < n; b++)
        most = a[b] > most ? a[b] : most;
    for (size_t b = 0; b < n; b++)
        a[b] -= most;
    din->kernels->exp(a, n, a);
    for (size_t b = 0; b < n; b++)
        sum += a[b];
    for (size_t b = 0; b < n; b++)
        a[b] /= sum;
}

static void forward_block(const struct din *din, const struct work *work, float *u, size_t u_stride)
{
    size_t pairs = work->n * work->behaviours;
    size_t blocks = (pairs + BLOCK_PAIRS - 1) / BLOCK_PAIRS;
    din->kernels->dense(work->e_t, work->n, work->e_t_stride, &din->b, din->zeros, 0, false,
                        work->q, din->line);
    for (size_t b = 0; b < blocks; b++)
        attend(din, work, b * pairs / blocks, (b + 1) * pairs / blocks);
    for (size_t i = 0; i < work->n; i++) {
        float *a = work->attention + i * work->behaviours;
        if (din->softmax && work->behaviours > 0)
            softmax(din, a, work->behaviours);
        din->kernels->pool(a, work->e_b, work->behaviours, din->dim, din->dim, u + i * u_stride);
    }
}

void din_forward(const struct din *din, const float *once, const float *e_b, size_t behaviours,
                 const float *e_t, size_t e_t_stride, size_t n, float *u, size_t u_stride,
                 void *scratch)
{
    assert((uintptr_t)scratch % ALIGN_BYTES == 0);
    struct work work = {
        .once = once, .e_b = e_b, .behaviours = behaviours, .e_t_stride = e_t_stride, .q = scratch};
    work.product = work.q + BLOCK_CANDIDATES * din->line;
    work.even = work.product + BLOCK_PAIRS * din->product_stride;
    work.odd = work.even + BLOCK_PAIRS * din->even_stride;
    work.attention = work.odd + BLOCK_PAIRS * din->odd_stride;
    size_t blocks = (n + BLOCK_CANDIDATES - 1) / BLOCK_CANDIDATES;
    for (size_t b = 0; b < blocks; b++) {
        size_t begin = b * n / blocks, end = (b + 1) * n / blocks;
        work.e_t = e_t + begin * e_t_stride;
        work.n = end - begin;
        forward_block(din, &work, u + begin * u_stride, u_stride);
    }
}
