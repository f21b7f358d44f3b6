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
    struct din **din; // (checkpoint.din_count)
};

// Makes the networks of a checkpoint that is set already, without a proof: what the trainer does at
// the end of an epoch. scorer_unmake releases them and leaves the checkpoint.
MUST_USE enum status scorer_make(struct scorer *scorer, struct diag *reterr);
void scorer_unmake(struct scorer *scorer);

// The logits of the checkpoint's golden rows (golden_rows), each scored as a request of one
// candidate.
MUST_USE enum status scorer_golden(const struct scorer *scorer, float *logit, struct diag *reterr);

// The golden rows once more, which must give the golden logits bit for bit: warms the caches and
// tests the machine. scorer_bytes of 1 row from the arena, given back. STATUS_CORRUPT names the
// row.
MUST_USE enum status scorer_probe(const struct scorer *scorer, struct arena *arena,
                                  struct diag *reterr);

// Loads the file, packs the weights and proves them: the golden rows must give the golden logits
// bit for bit, with the scalar and the chosen kernels (warm-up and self-test in one).
MUST_USE enum status scorer_load(const char *path, const struct kernels *kernels,
                                 struct scorer *ret_scorer, struct diag *reterr);
// The same from a checkpoint in memory, which it takes over on success only.
MUST_USE enum status scorer_take(struct checkpoint *checkpoint, const struct kernels *kernels,
                                 struct scorer *ret_scorer, struct diag *reterr);
void scorer_fini(struct scorer *scorer);

// Raw cells -> logit (n): one request, or one page. `shared` may be NULL when shared_cells is 0.
// Memory from the arena; the caller rewinds. Split in two so that the server can time its stages.
struct scorer_input {
    const union row_cell *cells; // (shared_cells) as given
    float *shared;               // (shared_width) columns
    float *rows;                 // (n, row_width) columns; those of DIN are made by scorer_tile
};
MUST_USE enum status scorer_featurise(const struct scorer *scorer, const union row_cell *shared,
                                      const union row_cell *rows, size_t n, struct arena *arena,
                                      struct scorer_input *ret_input);

// Scoring in tiles, so that a daemon can look at the clock in between. scorer_begin computes once
// what depends on the shared cells alone: the first layer's slice, and DIN's terms of the
// behaviours. scorer_tile then gives logit[first .. first + count) of the input's rows: any order,
// any counts, each row once (it fills the row's columns of DIN); the same bits for every split.
// A run borrows scorer and input, and lives in the arena until that is rewound. One thread.
enum { SCORER_TILE = 42 }; // whole tiles of every kernel set; larger ones are no faster
struct scorer_run {
    const struct scorer *scorer;
    const struct scorer_input *input;
    struct scorer_attention *attention; // (checkpoint.din_count)
    float *init;                        // of net_shared
    void *scratch;                      // of net_forward and din_forward
};
MUST_USE enum status scorer_begin(const struct scorer *scorer, const struct scorer_input *input,
                                  struct arena *arena, struct scorer_run *ret_run);
void scorer_tile(const struct scorer_run *run, size_t first, size_t count, float *logit);
// Both, for all rows.
MUST_USE enum status scorer_logits(const struct scorer *scorer, const struct scorer_input *input,
                                   size_t n, struct arena *arena, float *logit);
// Arena bytes that scorer_featurise and scorer_begin need for n rows. False: no machine has them.
MUST_USE bool scorer_bytes(const struct scorer *scorer, size_t n, size_t *ret_bytes);
