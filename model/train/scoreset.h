// The scores of some lists of a data set, and how good they are. One door for validation, early
// stopping, precomputed teacher scores, `ctr score` and `ctr evaluate`: all go through listrows and
// the scorer.
#pragma once

#include "model/scorer.h"
#include "model/train/dataset.h"
#include "model/train/quality.h"
#include "model/train/team.h"

#include <stddef.h>
#include <stdint.h>

struct scoreset {
    const struct dataset *dataset; // borrowed
    uint32_t *list;                // (lists) numbers in the data set
    size_t lists, docs;
    uint64_t *offset; // (lists + 1)
    float *grade;     // (docs)
    float *logit;     // (docs) filled by scoreset_score
    uint32_t *group;  // (docs) user of GAUC; NULL: the data name none
};

// `list` (count) is copied; NULL: all lists, in order. STATUS_NO_MEMORY.
MUST_USE enum status scoreset_init(struct scoreset *set, const struct dataset *dataset,
                                   const uint32_t *list, size_t count, struct diag *reterr);
void scoreset_fini(struct scoreset *set);

// Fills `logit`. The same bits for any team and any cut of the lists. STATUS_INVALID if the data
// cannot give the model's features, STATUS_NO_MEMORY.
MUST_USE enum status scoreset_score(struct scoreset *set, const struct scorer *scorer,
                                    struct team *team, struct diag *reterr);
// Measures `logit` with the calibrated probability. STATUS_NOT_FINITE names list and document.
MUST_USE enum status scoreset_quality(const struct scoreset *set, const struct calibrate *calibrate,
                                      struct quality *ret_quality, struct diag *reterr);
