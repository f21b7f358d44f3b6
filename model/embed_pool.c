#include "model/embed_pool.h"

#include "base/clones.h"

size_t embed_pool_count(const uint32_t *rows, size_t max)
{
    size_t count = 0;
    while (count < max && rows[count] != 0)
        count++;
    return count;
}

CLONES static void add_rows(const float *restrict table, size_t dim, const uint32_t *rows,
                            size_t count, float *restrict out)
{
    for (size_t j = 0; j < dim; j++)
        out[j] = 0;
    for (size_t i = 0; i < count; i++) {
        const float *row = table + rows[i] * dim;
        for (size_t j = 0; j < dim; j++)
            out[j] += row[j];
    }
}

void embed_pool_sum(const float *table, size_t dim, const uint32_t *rows, size_t max, float *out)
{
    add_rows(table, dim, rows, embed_pool_count(rows, max), out);
}

CLONES void embed_pool_mean(const float *table, size_t dim, const uint32_t *rows, size_t max,
                            float *out)
{
    size_t count = embed_pool_count(rows, max);
    add_rows(table, dim, rows, count, out);
    for (size_t j = 0; count > 0 && j < dim; j++)
        out[j] /= (float)count;
}
