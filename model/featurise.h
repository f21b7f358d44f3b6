// From raw values to network input: the one feature code of trainer and server.
#pragma once

#include "model/kernels/kernels.h"
#include "model/schema.h"

// raw (n, row_width) -> input (n, row_width); in place allowed. Exact for any n: each value alone.
void featurise_rows(const struct schema *schema, const struct kernels *kernels,
                    const union row_cell *raw, size_t n, float *input);
// raw (shared_width) -> input (shared_width).
void featurise_shared(const struct schema *schema, const struct kernels *kernels,
                      const union row_cell *raw, float *input);
