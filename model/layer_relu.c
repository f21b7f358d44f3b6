#include "model/layer_relu.h"

#include "base/clones.h"

CLONES void layer_relu_forward(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] < 0 ? 0 : x[i];
}

CLONES void layer_relu_backward(float *restrict g, const float *restrict y, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float kept = g[i];
        g[i] = y[i] > 0 ? kept : 0;
    }
}
