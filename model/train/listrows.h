// The raw cells of a list by the layout of a schema: where data of the trainer becomes input of the
// model. Training (minibatch), score and evaluate all come through here, then through featurise.
//
// What is sent is copied from the data set: by LETOR numbers, or, of impressions, feature by
// feature of the same name. What is made of the page (struct schema_feature, source) is made here,
// but for the mean of the others, which learns with its table (model/featurise.h). LETOR's page
// feature is made by pagectx_fill from the transformed values of `f` of the whole list; it has no
// transform of its own. Source: spec/algorithm.md 5.
#pragma once

#include "model/kernels/kernels.h"
#include "model/schema.h"
#include "model/train/dataset.h"

#include <stddef.h>
#include <stdint.h>

struct listrows_run { // cells that stand side by side on both sides
    uint32_t from, to, count;
};

struct listrows_runs {
    struct listrows_run *items;
    size_t count;
};

// A compiled copy plan with scratch memory: one thread. Borrows data set, schema and kernels.
struct listrows {
    const struct dataset *dataset;
    const struct schema *schema;
    const struct kernels *kernels;
    struct listrows_runs shared, rows;
    const struct schema_feature *page, *page_of; // of LETOR; NULL: no page feature
    float *transformed;                          // (longest list, page_of->size)
    double *scratch;                             // (2 * page_of->size)
    uint64_t *ids;                               // (longest list) for shares; NULL: there are none
};

// STATUS_INVALID if the data cannot give the schema's features; STATUS_NO_MEMORY.
MUST_USE enum status listrows_init(struct listrows *rows, const struct dataset *dataset,
                                   const struct schema *schema, const struct kernels *kernels,
                                   struct diag *reterr);
void listrows_fini(struct listrows *rows);
size_t listrows_docs(const struct listrows *rows, size_t list);
// shared (shared_cells), raw (listrows_docs, row_cells): raw cells of the list, its documents in
// order. shared may be NULL where the schema shares nothing.
void listrows_fill(struct listrows *rows, size_t list, union row_cell *shared, union row_cell *raw);
