// Minibatches of whole lists in shuffled order (design 8a).
//
// The order of an epoch is a pure function of (subset, seed, epoch), so a resumed run sees the same
// batches. Lists are shuffled in windows of MINIBATCH_WINDOW, which are made of permuted blocks of
// lists that follow one another: so an epoch over a large data set reads it in pieces, and lets go
// of what it has read. A data set of one window is shuffled as a whole. A batch is closed at >=
// `batch` documents; what is left at the end is the last batch, but a rest of one document is
// dropped, because batch norm needs two. Every list is in at most one batch.
#pragma once

#include "model/kernels/kernels.h"
#include "model/schema.h"
#include "model/train/dataset.h"
#include "model/train/listrows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MINIBATCH_BLOCK = 4096, MINIBATCH_WINDOW = 65536 }; // lists

struct minibatch_plan {
    const struct dataset *dataset; // borrowed
    uint32_t *subset;              // (lists) as given
    uint32_t *order;               // (lists) of this epoch
    uint32_t *blocks;              // numbers of the blocks, permuted
    size_t lists, docs, longest;   // of the subset; longest list in documents
    size_t batch;                  // documents
    size_t next;                   // place in `order`
    bool as_given;                 // the order of the subset instead: continuous training
    size_t dropped;                // documents dropped in this epoch: 0 or 1
};

struct minibatch_lists {
    const uint32_t *lists; // (count) list numbers, in the plan's memory until the next start
    size_t count, docs;
};

// `subset` (count) list numbers, copied; NULL: all lists. batch >= 2. STATUS_NO_MEMORY.
MUST_USE enum status minibatch_plan_init(struct minibatch_plan *plan, const struct dataset *dataset,
                                         const uint32_t *subset, size_t count, size_t batch);
void minibatch_plan_fini(struct minibatch_plan *plan);
void minibatch_plan_start(struct minibatch_plan *plan, uint64_t seed, uint32_t epoch);
bool minibatch_plan_next(struct minibatch_plan *plan, struct minibatch_lists *ret_lists);
// The most documents and lists that a batch of this plan can have.
size_t minibatch_plan_max_rows(const struct minibatch_plan *plan);
size_t minibatch_plan_max_lists(const struct minibatch_plan *plan);

// The arrays of one batch, filled in place; room for max_rows and max_lists of a plan.
struct minibatch {
    struct listrows rows;
    const struct schema *schema; // borrowed
    size_t max_rows, max_lists;
    size_t docs, lists;
    union row_cell *shared; // (lists, shared_cells)
    union row_cell *cells;  // (docs, row_cells)
    float *label;           // (docs) 1: click, 0: none
    uint64_t *offset;       // (lists + 1) first row of each list
    uint64_t *doc;          // (docs) document of the data set behind each row
};

// Errors of listrows_init, STATUS_NO_MEMORY.
MUST_USE enum status minibatch_init(struct minibatch *batch, const struct minibatch_plan *plan,
                                    const struct schema *schema, const struct kernels *kernels,
                                    struct diag *reterr);
void minibatch_fini(struct minibatch *batch);
void minibatch_fill(struct minibatch *batch, const struct minibatch_lists *lists);
