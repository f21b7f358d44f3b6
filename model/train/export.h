// From the network that learns to the form that serves: fold, and a checkpoint around it.
#pragma once

#include "model/scorer.h"
#include "model/train/net_train.h"

// Folds `net` into a scorer that borrows schema and the net's fold memory: valid until the next
// fold. End it with export_fini, never scorer_fini.
MUST_USE enum status export_scorer(struct net_train *net, enum checkpoint_role role,
                                   const struct schema *schema, const struct kernels *kernels,
                                   struct scorer *ret_scorer, struct diag *reterr);
void export_fini(struct scorer *scorer);

// Writes the scorer with golden rows: raw (n, row_width), n <= CHECKPOINT_GOLDEN_ROWS, and their
// logits.
MUST_USE enum status export_write(const struct scorer *scorer, const char *path, const float *raw,
                                  size_t n, char *lineage, struct diag *reterr);
