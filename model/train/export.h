// From the tower that learns to the form that serves: fold, and a checkpoint around it.
#pragma once

#include "model/scorer.h"
#include "model/train/tower.h"

// Folds `tower` into a scorer over `schema`, which is the tower's input's or that without what is
// privileged. It borrows schema, the tower's fold memory and the live tables: valid until the next
// step or fold. End it with export_fini, never scorer_fini.
MUST_USE enum status export_scorer(struct tower *tower, enum checkpoint_role role,
                                   const struct schema *schema, const struct kernels *kernels,
                                   struct scorer *ret_scorer, struct diag *reterr);
void export_fini(struct scorer *scorer);

// Raw rows that every checkpoint of a model carries, each a request of one candidate.
struct export_golden {
    union row_cell *shared; // (count, shared_cells)
    union row_cell *rows;   // (count, row_cells)
    size_t count;           // at most CHECKPOINT_GOLDEN_ROWS
};

// Writes the scorer with golden rows and their logits.
MUST_USE enum status export_write(const struct scorer *scorer, const char *path,
                                  const struct export_golden *golden, char *lineage,
                                  struct diag *reterr);
