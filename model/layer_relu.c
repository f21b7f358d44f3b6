#include "model/layer_relu.h"

void layer_relu_forward(const float *x, size_t count, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

void layer_relu_backward(const float *g, const float *y, size_t count, float *grad_x)
{
    for (size_t i = 0; i < count; i++)
        grad_x[i] = y[i] > 0 ? g[i] : 0;
}
