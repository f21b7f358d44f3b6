#include "model/kernels/panels.h"

size_t panels_floats(size_t in, size_t out)
{
    return (out + KERNELS_PANEL - 1) / KERNELS_PANEL * KERNELS_PANEL * in;
}

struct kernels_panels panels_pack(const float *weight, size_t weight_stride, size_t from, size_t in,
                                  size_t out, float *data)
{
    for (size_t j = 0; j < out; j++) {
        float *column = data + j / KERNELS_PANEL * in * KERNELS_PANEL + j % KERNELS_PANEL;
        for (size_t k = 0; k < in; k++)
            column[k * KERNELS_PANEL] = weight[j * weight_stride + from + k];
    }
    return (struct kernels_panels){.data = data, .in = in, .out = out};
}
