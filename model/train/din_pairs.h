// The pairs (row, behaviour of its list) of a minibatch, and what DIN does with them beside the
// matrix products of its layers (spec/algorithm.md 1.2). Behaviours are of a list and shared by its
// rows, so a list has rows x behaviours pairs: the pairs of row 0, then those of row 1, ...
//
// Every function works on a range of lists, whose pairs, rows and behaviours stand together in each
// array; arrays are whole, and a range touches its own part. Ranges may be worked on at once.
// Nothing here allocates or waits.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct din_pairs {
    size_t lists, dim;
    const uint64_t *row_offset;       // (lists + 1), from 0
    const uint64_t *behaviour_offset; // (lists + 1), from 0
    uint64_t *pair_offset;            // (lists + 1), by din_pairs_count
    const float *behaviour;           // (behaviours, dim)
    const float *target;              // (rows, dim)
    size_t target_stride;
};

// Lists begin .. end-1, and where their parts begin and how long they are.
struct din_pairs_range {
    size_t begin, end;
    size_t row, rows, behaviour, behaviours, pair, pairs;
};

// Fills pair_offset from the other two.
void din_pairs_count(const struct din_pairs *pairs);
struct din_pairs_range din_pairs_range_of(const struct din_pairs *pairs, size_t begin, size_t end);
// Lists from `begin` on, until they have `least` pairs or `end` is reached.
struct din_pairs_range din_pairs_tile(const struct din_pairs *pairs, size_t begin, size_t end,
                                      size_t least);
// Where each of `shards` shards begins: about the same number of pairs each. (shards + 1)
void din_pairs_cut(const struct din_pairs *pairs, size_t shards, size_t *ret_begin);

// product (pairs, dim) = e_b * e_t
void din_pairs_product(const struct din_pairs *pairs, const struct din_pairs_range *range,
                       float *product);
// z (pairs, units) += by_behaviour (behaviours, units) + by_row (rows, units)
void din_pairs_spread(const struct din_pairs *pairs, const struct din_pairs_range *range,
                      size_t units, const float *by_behaviour, const float *by_row, float *z);
// weight (pairs): the softmax of score over the behaviours of a row, in double
void din_pairs_softmax(const struct din_pairs *pairs, const struct din_pairs_range *range,
                       const float *score, float *weight);
// u (rows, dim; u_stride) = sum of weight e_b, 0 where there is no behaviour
void din_pairs_pool(const struct din_pairs *pairs, const struct din_pairs_range *range,
                    const float *weight, float *u, size_t u_stride);

// From g = d loss / d u: grad_score (pairs), and by_behaviour (behaviours, dim) = sum of weight g
// over rows, both overwritten
void din_pairs_backward_pool(const struct din_pairs *pairs, const struct din_pairs_range *range,
                             bool softmax, const float *weight, const float *g, size_t g_stride,
                             float *grad_score, float *by_behaviour);
// by_behaviour (behaviours, units) and by_row (rows, units): sums of g (pairs, units), overwritten
void din_pairs_backward_spread(const struct din_pairs *pairs, const struct din_pairs_range *range,
                               size_t units, const float *g, float *by_behaviour, float *by_row);
// From g (pairs, dim), the gradient of product: added to grad_behaviour (behaviours, dim) and
// grad_target (rows, dim)
void din_pairs_backward_product(const struct din_pairs *pairs, const struct din_pairs_range *range,
                                const float *g, float *grad_behaviour, float *grad_target);
