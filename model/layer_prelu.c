#include "model/layer_prelu.h"

#include "base/clones.h"

CLONES static void forward_rows(const float *restrict kappa, size_t units, const float *restrict x,
                                size_t n, float *restrict y)
{
    for (size_t i = 0; i < n; i++, x += units, y += units)
        for (size_t j = 0; j < units; j++) {
            float above = x[j] < 0 ? 0 : x[j], below = x[j] > 0 ? 0 : x[j];
            y[j] = above + kappa[j] * below;
        }
}

void layer_prelu_forward(const struct layer_prelu *prelu, const float *x, size_t n, float *y)
{
    forward_rows(prelu->kappa, prelu->units, x, n, y);
}

// The product is a float: in double the compiler branches on x instead of taking several units.
CLONES static void backward_rows(const float *restrict kappa, size_t units, float *restrict g,
                                 const float *restrict x, size_t n, double *restrict sum_kappa)
{
    for (size_t i = 0; i < n; i++, g += units, x += units)
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
    backward_rows(prelu->kappa, prelu->units, g, x, n, sum_kappa);
}
