#include "model/layer_prelu.h"

#include "base/clones.h"

CLONES static void forward_row(const float *restrict kappa, size_t units, const float *restrict x,
                               float *restrict y)
{
    for (size_t j = 0; j < units; j++) {
        float bent = kappa[j] * x[j];
        y[j] = x[j] > 0 ? x[j] : bent;
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
        float kept = g[j], bent = kappa[j] * kept, below = x[j] > 0 ? 0 : x[j];
        sum_kappa[j] += (double)kept * (double)below;
        g[j] = x[j] > 0 ? kept : bent;
    }
}

void layer_prelu_backward(const struct layer_prelu *prelu, float *g, const float *x, size_t n,
                          double *sum_kappa)
{
    for (size_t i = 0; i < n; i++)
        backward_row(prelu->kappa, prelu->units, g + i * prelu->units, x + i * prelu->units,
                     sum_kappa);
}
