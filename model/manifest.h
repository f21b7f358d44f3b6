// The compiled description inside a model file: schema, network, calibration, lineage, and which
// tensors there are to measure drift by, as JSON text with sorted keys (design 7). It is checked
// here by itself and by checkpoint.c against the tensors. Files from before drift have no "drift".
//
//   {"calibration": {...}, "drift": {"bins": 20, "ranges": true}, "features": [...], "lineage":
//   {...},
//    "network": {"activation": "relu", "kind": "mlp", "precision": "fp32", "widths": [136, 64, 1]}}
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"
#include "model/calibrate.h"
#include "model/checkpoint.h"
#include "model/schema.h"

#include <stdbool.h>
#include <stddef.h>

struct manifest {
    struct schema schema;
    struct calibrate calibrate;
    struct checkpoint_attention attention; // of DIN
    size_t layer_count;
    size_t widths[CHECKPOINT_MAX_LAYERS + 1]; // of the input, then of each layer's output
    size_t bins;                              // of the histogram pctr.*; 0: there is none
    bool ranges;                              // range.FEATURE are there
    char *lineage;                            // JSON text of an object
};

// STATUS_CORRUPT with the JSON path, STATUS_NO_MEMORY.
MUST_USE enum status manifest_read(struct span text, struct manifest *ret_manifest,
                                   struct diag *reterr);
void manifest_fini(struct manifest *manifest);
// Appends the text that describes the checkpoint. Its lineage must be a JSON object or NULL: else
// STATUS_INVALID.
MUST_USE enum status manifest_write(const struct checkpoint *checkpoint, struct buf *out,
                                    struct diag *reterr);
