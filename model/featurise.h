// From cells to network columns: the one feature code of trainer and server. Numbers are
// transformed, ids become rows of their tables' embeddings. What DIN makes is not made here: its
// columns are left alone (model/scorer.c when scoring, model/train/input_train.c when learning).
#pragma once

#include "model/kernels/kernels.h"
#include "model/schema.h"

struct featurise {
    const struct schema *schema; // its tables are sized
    const struct kernels *kernels;
    const float *const *tables; // (table_count) of (rows, dim) each; row 0 is zero
    bool privileged;            // false: privileged columns, the last of a row, are not made
};

// The row of a table that a cell stands for: the id itself, or the quantile bucket of a number (row
// 0 for a missing one).
uint32_t featurise_row(const struct schema_feature *feature, union row_cell cell);
// shared (shared_cells) -> columns (shared_width).
void featurise_shared(const struct featurise *featurise, const union row_cell *shared,
                      float *columns);
// shared (shared_cells), rows (n, row_cells) -> columns (n, row_width), `stride` floats apart.
// Every row by itself, but for the mean of the others, whose page are the n rows.
void featurise_rows(const struct featurise *featurise, const union row_cell *shared,
                    const union row_cell *rows, size_t n, float *columns, size_t stride);
