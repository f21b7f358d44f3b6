// Several rows of an embedding table as one: sum or mean (spec/algorithm.md 1.1). The one pooling
// of trainer and server.
//
// The rows of a list end at its first 0 or at `max`: row 0 is padding, and what stands behind it is
// not read. A row that occurs twice counts twice; no row at all gives zeros. Exact to the bit:
// element j is one chain of float additions from 0, oldest row to newest.
#pragma once

#include <stddef.h>
#include <stdint.h>

// How many rows stand in front of the first 0: 0 .. max.
size_t embed_pool_count(const uint32_t *rows, size_t max);
// table (all rows, dim), rows (max) -> out (dim), which is not in the table.
void embed_pool_sum(const float *table, size_t dim, const uint32_t *rows, size_t max, float *out);
// The sum divided by the count.
void embed_pool_mean(const float *table, size_t dim, const uint32_t *rows, size_t max, float *out);
