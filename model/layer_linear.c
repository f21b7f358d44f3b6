#include "model/layer_linear.h"

#include "model/kernels/blas.h"

#include <string.h>

void layer_linear_forward(const struct layer_linear *layer, const float *x, size_t n, float *y)
{
    size_t in = layer->in, out = layer->out;
    blas_forward(n, in, out, x, in, layer->weight, in, y, out);
    if (!layer->bias)
        return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++)
            y[i * out + j] += layer->bias[j];
}

void layer_linear_backward_input(const struct layer_linear *layer, const float *g, size_t n,
                                 float *grad_x)
{
    size_t in = layer->in, out = layer->out;
    blas_grad_input(n, in, out, g, out, layer->weight, in, grad_x, in);
}

void layer_linear_backward_weight(const struct layer_linear *layer, const float *g, const float *x,
                                  size_t n, float *grad_weight, double *bias_sum)
{
    size_t in = layer->in, out = layer->out;
    blas_grad_weight(n, in, out, g, out, x, in, grad_weight, in);
    if (!bias_sum)
        return;
    memset(bias_sum, 0, out * sizeof *bias_sum);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++)
            bias_sum[j] += (double)g[i * out + j];
}
