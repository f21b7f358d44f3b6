// Weights of a dense layer in the form that the kernels read (kernels_panels in kernels.h).
#pragma once

#include "model/kernels/kernels.h"

// What panels_pack writes; the caller knows that it fits.
size_t panels_floats(size_t in, size_t out);
// The columns from .. from + in of weight (out, weight_stride) as panels in data, zeroed and
// aligned to 64 bytes, which must live as long as they.
struct kernels_panels panels_pack(const float *weight, size_t weight_stride, size_t from, size_t in,
                                  size_t out, float *data);
