// An embedding table while it learns (spec/algorithm.md 1.1). A step costs what its rows cost,
// however long the table is:
//
//   begin -> use (once a list of rows) -> [forward, backward: grad] -> collect -> squares -> update
//
// An occurrence is one use of a row. The caller reads `values` itself (model/embed_pool.h) and
// leaves the gradient of each occurrence in `grad`; collect adds those of the same row, and update
// moves the rows that occurred, no other. Row 0 is padding and missing: zeros, its occurrences are
// ignored.
//
// Nothing depends on the number of threads. One thread calls; the team does the work.
#pragma once

#include "base/status.h"
#include "model/train/adam.h"
#include "model/train/team.h"

#include <stddef.h>
#include <stdint.h>

// What an update of the rows that occurred is.
//
// EMBED_ADAM is lazy: the moments of the other rows do not decay, and they do not move on old
// moments; the bias correction counts all steps of the table, whether or not a row took part. So
// are PyTorch's SparseAdam and TensorFlow's LazyAdam.
//
// EMBED_ADAGRAD: a <- a + g^2; w -= lr g / (sqrt(a) + 1e-10), a from 0, as PyTorch's Adagrad
// (TensorFlow starts at .1, which weighs on rows that are seen a few times).
//
// With both, g is the clipped gradient + lambda * w (adam.h): the L2 term of a row works in the
// steps in which the row occurs.
enum embed_optimiser { EMBED_ADAM, EMBED_ADAGRAD };

// To be read; `grad` is filled, `values` and `adam` are written by who loads a saved state.
struct embed_table {
    const char *name; // borrowed
    size_t rows, dim;
    enum embed_optimiser optimiser;
    float *values;    // (rows, dim), 64-byte aligned
    struct adam adam; // m and v (rows, dim), t; of EMBED_ADAGRAD: m NULL, v the accumulator

    // this step
    size_t count;         // occurrences
    float *grad;          // (count, dim); begins elsewhere after the next use
    size_t touched_count; // rows that occur, after collect
    uint32_t *touched;    // (touched_count) in the order in which they first occur
    float *sums;          // (touched_count, dim) their gradients

    // of this file
    uint32_t *slot;     // (rows) place in `touched`, if it says the same row
    uint32_t *used;     // (count) row of each occurrence
    uint32_t *chain;    // (count) occurrences, those of a row side by side and in their order
    uint32_t *ends;     // (touched_count + 1) where each row's begin in `chain`
    size_t capacity;    // occurrences
    void *blocks[4];    // what values, m, v and slot are freed by
    size_t block_count; // of them
};

// 2 <= rows <= 2^32 - 1, dim > 0. Values, moments and row numbers are zero, and their pages cost
// nothing until they are written: 12 dim + 4 bytes a row in the end, 8 dim + 4 with Adagrad.
// STATUS_NO_MEMORY; embed_table_fini in either case.
MUST_USE enum status embed_table_init(struct embed_table *table, const char *name, size_t rows,
                                      size_t dim, enum embed_optimiser optimiser,
                                      struct diag *reterr);
void embed_table_fini(struct embed_table *table);
// Values normal about 0, row 0 zeros. A row's depend on seed, name and row alone: a longer table
// begins as the shorter one.
void embed_table_draw(struct embed_table *table, uint64_t seed, double deviation,
                      struct team *team);

// A new step, without occurrences.
void embed_table_begin(struct embed_table *table);
// Rows (n) of the table, padding allowed, become occurrences *ret_first .. *ret_first + n - 1.
// Their gradients start at zero: the caller adds to them or writes them, those of row 0 as it
// likes. STATUS_NO_MEMORY: the step is as before.
MUST_USE enum status embed_table_use(struct embed_table *table, const uint32_t *rows, size_t n,
                                     size_t *ret_first);
// touched and sums from grad: the gradients of a row are added as floats, in the order of its
// occurrences.
void embed_table_collect(struct embed_table *table, struct team *team);
// The sum of squares of the collected gradients, for adam_config.clip_norm.
double embed_table_squares(const struct embed_table *table, struct team *team);
// One step of the touched rows. `squares` is the sum over all gradients that are clipped together;
// unused without clip_norm. Of `config` Adagrad takes weight_decay and clip_norm. L2 applies in
// both scopes.
void embed_table_update(struct embed_table *table, const struct adam_config *config, double lr,
                        double squares, struct team *team);
