#include "tests/support/din_made.h"

#include "tests/support/floats.h"

#include <math.h>

float *din_made_floats(size_t n, uint64_t seed, double deviation)
{
    float *x = floats_odd(n);
    floats_fill(x, n, seed, FLOATS_TAME);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] * deviation);
    return x;
}

static void fold(struct din_made *made, size_t dim, size_t out)
{
    for (size_t i = 0; i < 3; i++)
        made->folded[i] = floats_odd(out * dim);
    for (size_t j = 0; j < out; j++)
        for (size_t k = 0; k < dim; k++) {
            const float *w = made->w + j * 4 * dim + k;
            double w3 = (double)w[2 * dim];
            made->folded[0][j * dim + k] = (float)((double)w[0] + w3);
            made->folded[1][j * dim + k] = (float)((double)w[dim] - w3);
            made->folded[2][j * dim + k] = w[3 * dim];
        }
}

struct din_made din_made_of(const struct din_made_shape *shape, uint64_t seed)
{
    struct din_made made = {.weights = {.dim = shape->dim,
                                        .layer_count = shape->layer_count,
                                        .activation = shape->activation,
                                        .softmax = shape->softmax}};
    size_t in = 4 * shape->dim;
    made.w = din_made_floats(shape->widths[0] * in, seed, 1 / sqrt((double)in));
    fold(&made, shape->dim, shape->widths[0]);
    made.weights.a = made.folded[0];
    made.weights.b = made.folded[1];
    made.weights.c = made.folded[2];
    for (size_t k = 0; k < shape->layer_count; k++) {
        size_t out = shape->widths[k];
        float **arrays = made.arrays[k];
        for (size_t i = 0; i < DIN_MADE_ARRAYS; i++)
            arrays[i] = din_made_floats(i == 0 ? out * in : out, seed + 10 * (k + 1) + i,
                                        i == 0 ? 1 / sqrt((double)in) : 0.3);
        for (size_t j = 0; j < out; j++)
            arrays[4][j] = 0.1F + fabsf(arrays[4][j]);
        bool last = k + 1 == shape->layer_count, dice = shape->activation == DIN_DICE;
        made.weights.layers[k] = (struct din_layer){.in = in,
                                                    .out = out,
                                                    .weight = k == 0 ? NULL : arrays[0],
                                                    .bias = arrays[1],
                                                    .kappa = last ? NULL : arrays[2],
                                                    .mean = last || !dice ? NULL : arrays[3],
                                                    .var = last || !dice ? NULL : arrays[4]};
        in = out;
    }
    return made;
}

void din_made_free(struct din_made *made)
{
    floats_free(made->w);
    for (size_t i = 0; i < 3; i++)
        floats_free(made->folded[i]);
    for (size_t k = 0; k < made->weights.layer_count; k++)
        for (size_t i = 0; i < DIN_MADE_ARRAYS; i++)
            floats_free(made->arrays[k][i]);
}
