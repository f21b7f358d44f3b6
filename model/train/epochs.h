// What happens at the end of an epoch: evaluate on validation, write the candidate, tell the
// history; and at the end of the stage: the winner becomes STAGE.safetensors.
#pragma once

#include "model/train/export.h"
#include "model/train/state.h"
#include "model/train/trainer.h"

// A tower that becomes a model file.
struct epochs_model {
    const char *stage; // STAGE.safetensors
    const struct method *method;
    struct tower *tower;
    const struct schema *schema; // filled by epochs_init
    struct export_golden golden; // the same
};

struct epochs {
    const struct trainer_task *task;
    char *folder; // of candidates: RUN/kept
    // The first decides which epoch is kept; the others are kept with it.
    struct epochs_model models[TOWER_MAX];
    size_t model_count;
    uint32_t
        dropped[KEEP_MAX + 1]; // candidates that are over, to be removed once the state is saved
    size_t dropped_count;
};

MUST_USE enum status epochs_init(struct epochs *epochs, const struct trainer_task *task,
                                 const struct epochs_model *models, size_t model_count,
                                 struct diag *reterr);
void epochs_fini(struct epochs *epochs);
// After the last step of state->epoch; updates state->keep.
MUST_USE enum status epochs_close(struct epochs *epochs, struct state *state, struct diag *reterr);
MUST_USE enum status epochs_drop(struct epochs *epochs, struct diag *reterr);
// Moves the checkpoints of the winning epoch to RUN/STAGE.safetensors.
MUST_USE enum status epochs_finish(struct epochs *epochs, const struct keep *keep,
                                   struct diag *reterr);
