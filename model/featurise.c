#include "model/featurise.h"

#include <stdbool.h>
#include <string.h>

static void transform(const struct kernels *kernels, enum schema_transform how, const float *raw,
                      size_t n, float *input)
{
    if (how == SCHEMA_LOG1P)
        kernels->log1p(raw, n, input);
    else if (raw != input)
        memcpy(input, raw, n * sizeof *input);
}

// From feature `first` on, the run of features that stand in the same block with the same
// transform: their columns are contiguous. Returns the feature behind it.
static size_t run_of(const struct schema *schema, size_t first, size_t *ret_columns)
{
    size_t end = first;
    *ret_columns = 0;
    while (end < schema->count &&
           schema->features[end].transform == schema->features[first].transform)
        *ret_columns += schema->features[end++].size;
    return end;
}

// The features of `part` fill a block of `width` columns.
static void featurise_block(const struct schema *part, size_t width, const struct kernels *kernels,
                            const float *raw, size_t n, float *input)
{
    size_t columns = 0;
    for (size_t f = 0, next; f < part->count; f = next) {
        next = run_of(part, f, &columns);
        const size_t offset = part->features[f].offset;
        if (columns == width) {
            transform(kernels, part->features[f].transform, raw, n * width, input);
            return;
        }
        for (size_t i = 0; i < n; i++)
            transform(kernels, part->features[f].transform, raw + i * width + offset, columns,
                      input + i * width + offset);
    }
}

// How many features stand in the shared block: they come first.
static size_t shared_count(const struct schema *schema)
{
    size_t columns = 0, count = 0;
    while (columns < schema->shared_width)
        columns += schema->features[count++].size;
    return count;
}

void featurise_rows(const struct schema *schema, const struct kernels *kernels, const float *raw,
                    size_t n, float *input)
{
    size_t shared = shared_count(schema);
    struct schema rows = {.features = schema->features + shared, .count = schema->count - shared};
    featurise_block(&rows, schema->row_width, kernels, raw, n, input);
}

void featurise_shared(const struct schema *schema, const struct kernels *kernels, const float *raw,
                      float *input)
{
    struct schema shared = {.features = schema->features, .count = shared_count(schema)};
    featurise_block(&shared, schema->shared_width, kernels, raw, 1, input);
}
