// The raw rows of a list by the columns of a schema: where data of the trainer becomes input of the
// model. Training (minibatch), score and evaluate all come through here, then through
// featurise_rows.
//
// Features that are sent are copied from the data set by their LETOR numbers. The page feature
// (SCHEMA_PAGE) is made by pagectx_fill from the transformed values of `f` of the whole list; it
// has no transform of its own. Source: spec/algorithm.md 5.
#pragma once

#include "model/kernels/kernels.h"
#include "model/schema.h"
#include "model/train/dataset.h"

#include <stddef.h>
#include <stdint.h>

struct listrows_run { // columns that stand side by side on both sides
    uint32_t from, to, count;
};

// A compiled copy plan with scratch memory: one thread. Borrows data set, schema and kernels.
struct listrows {
    const struct dataset *dataset;
    const struct kernels *kernels;
    size_t row_width, longest; // documents of the longest list
    struct listrows_run *runs;
    size_t run_count;
    const struct schema_feature *page, *page_of; // NULL: no page feature
    float *transformed;                          // (longest, page_of->size)
    double *scratch;                             // (2 * page_of->size)
};

// STATUS_INVALID if the schema has features that LETOR data cannot give (user, context, no columns,
// columns beyond the data set's); STATUS_NO_MEMORY.
MUST_USE enum status listrows_init(struct listrows *rows, const struct dataset *dataset,
                                   const struct schema *schema, const struct kernels *kernels,
                                   struct diag *reterr);
void listrows_fini(struct listrows *rows);
size_t listrows_docs(const struct listrows *rows, size_t list);
// raw (listrows_docs, row_width): raw values of the list's documents in order.
void listrows_fill(struct listrows *rows, size_t list, float *raw);
