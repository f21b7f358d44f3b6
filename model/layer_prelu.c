#include "model/layer_prelu.h"

#include "base/clones.h"

CLONES static void forward_row(const float *restrict kappa, size_t units, const float *restrict x,
                               float *restrict y)
{
    for (size_t j = 0; j < units; j++) {
        float slope = x[j] > 0 ? 1 : kappa[j];
        y[j] = slope * x[j];
    }
}

void layer_prelu_forward(const struct layer_prelu *prelu, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        forward_row(prelu->kappa, prelu->units, x + i * prelu->units, y + i * prelu->units);
}

CLONES static void backward_row(const float *restrict kappa, size_t units, float *restrict g,
                                const float *restrict x, double *restrict sum_kappa)
{
    for (size_t j = 0; j < units; j++) {
        float slope = x[j] > 0 ? 1 : kappa[j], below = x[j] > 0 ? 0 : x[j];
        float product = g[j] * below;
        sum_kappa[j] += (double)product;
        g[j] *= slope;
    }
}

void layer_prelu_backward(const struct layer_prelu *prelu, float *g, const float *x, size_t n,
                          double *sum_kappa)
{
    for (size_t i = 0; i < n; i++)
        backward_row(prelu->kappa, prelu->units, g + i * prelu->units, x + i * prelu->units,
                     sum_kappa);
}
