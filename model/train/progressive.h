// Progressive validation: every minibatch is scored by the serving form before it is learned, so
// in the first epoch each document is a test of a model that has not seen it (Blum, Kalai and
// Langford 1999); in later epochs it has. Measures go to history.jsonl, a line a window of
// documents.
#pragma once

#include "model/train/tower.h"
#include "model/train/trainer.h"

enum { PROGRESSIVE_TOTALS = 4 }; // documents, sum of LogLoss, of p, clicks

struct progressive {
    const struct trainer_task *task;
    struct tower *tower; // the main one
    const struct schema *schema;
    size_t window, capacity; // documents after which a window ends; room for them
    // The window so far; saved and loaded with the state.
    uint64_t counts[2];                // lists, documents
    double totals[PROGRESSIVE_TOTALS]; // of all windows that have ended
    uint64_t *offset;                  // (capacity + 1)
    float *logit, *grade;              // (capacity)
    uint32_t *group;                   // (capacity)
};

// `max_rows` of a minibatch. STATUS_NO_MEMORY; progressive_fini in either case.
MUST_USE enum status progressive_init(struct progressive *progressive,
                                      const struct trainer_task *task, struct tower *tower,
                                      size_t max_rows, struct diag *reterr);
void progressive_fini(struct progressive *progressive);
// Scores the lists of a minibatch that is about to be learned; a full window is measured and told.
MUST_USE enum status progressive_score(struct progressive *progressive,
                                       const struct minibatch_lists *lists, struct diag *reterr);
// What is left of a window at the end of an epoch, and the totals for people.
MUST_USE enum status progressive_close(struct progressive *progressive, struct diag *reterr);
