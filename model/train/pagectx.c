#include "model/train/pagectx.h"

#include <assert.h>
#include <math.h>

size_t pagectx_width(size_t width)
{
    return 2 * width + 1;
}

void pagectx_fill(const float *g, size_t n, size_t width, size_t g_stride, float *c,
                  size_t c_stride, double *scratch)
{
    assert(n >= 1 && g_stride >= width && c_stride >= pagectx_width(width));
    double *sum = scratch, *spread = scratch + width; // (F), (F)
    for (size_t f = 0; f < width; f++)
        sum[f] = spread[f] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < width; f++)
            sum[f] += (double)g[i * g_stride + f];
    // A second pass about the mean: the difference of two large squares would lose a small spread.
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; f < width; f++) {
            double gap = (double)g[i * g_stride + f] - sum[f] / (double)n;
            spread[f] += gap * gap;
        }
    }
    for (size_t f = 0; f < width; f++)
        spread[f] = sqrt(spread[f] / (double)n);

    const float size = (float)log1p((double)n);
    for (size_t i = 0; i < n; i++) {
        float *row = c + i * c_stride;
        for (size_t f = 0; f < width; f++) {
            double others = n > 1 ? (sum[f] - (double)g[i * g_stride + f]) / (double)(n - 1) : 0;
            row[f] = (float)others;
            row[width + f] = (float)spread[f];
        }
        row[2 * width] = size;
    }
}
