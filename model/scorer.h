// A checkpoint ready to score: featurise -> net_forward, and calibration. What ctrd, ctr score,
// ctr evaluate and the precomputation of teacher scores share. Immutable, shared by threads.
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "model/checkpoint.h"
#include "model/net.h"

struct scorer {
    struct checkpoint checkpoint;
    const struct kernels *kernels;
    struct net *net;
};

// Loads the file, packs the weights and proves them: the golden rows must give the golden logits
// bit for bit, with the scalar and the chosen kernels (warm-up and self-test in one).
MUST_USE enum status scorer_load(const char *path, const struct kernels *kernels,
                                 struct scorer *ret_scorer, struct diag *reterr);
// The same from a checkpoint in memory, which it takes over on success only.
MUST_USE enum status scorer_take(struct checkpoint *checkpoint, const struct kernels *kernels,
                                 struct scorer *ret_scorer, struct diag *reterr);
void scorer_fini(struct scorer *scorer);

// Raw blocks -> logit (n). `shared` may be NULL when shared_width is 0. Memory from the arena; the
// caller rewinds. Split in two so that the server can time its stages.
struct scorer_input {
    float *shared; // (shared_width) featurised
    float *rows;   // (n, row_width) featurised
};
MUST_USE enum status scorer_featurise(const struct scorer *scorer, const union row_cell *shared_raw,
                                      const union row_cell *rows_raw, size_t n, struct arena *arena,
                                      struct scorer_input *ret_input);
MUST_USE enum status scorer_logits(const struct scorer *scorer, const struct scorer_input *input,
                                   size_t n, struct arena *arena, float *logit);
