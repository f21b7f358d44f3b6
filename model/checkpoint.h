// The model file: safetensors with a manifest (design 7). Loader and writer, shared by ctr and
// ctrd.
//
// Every byte of a file is foreign: lengths are checked before use, the digest over the whole file
// before anything is believed, and the manifest is checked again against the tensors. One read into
// anonymous memory, never a mapping.
#pragma once

#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "model/calibrate.h"
#include "model/schema.h"

#include <stddef.h>
#include <stdint.h>

enum checkpoint_role { CHECKPOINT_STUDENT, CHECKPOINT_TEACHER };

enum {
    CHECKPOINT_MAX_LAYERS = 16,
    CHECKPOINT_MAX_WIDTH = 65536,
    CHECKPOINT_GOLDEN_ROWS = 8, // at most, and at least one
    CHECKPOINT_MAX_BYTES = 1 << 30,
};

struct checkpoint_layer {
    const float *weight; // (out, in)
    const float *bias;   // (out)
    size_t in, out;
};

struct checkpoint {
    enum checkpoint_role role;
    struct schema schema;
    struct calibrate calibrate; // knots: cal.x, cal.y
    size_t layer_count;
    struct checkpoint_layer layers[CHECKPOINT_MAX_LAYERS]; // mlp.K.weight, mlp.K.bias; folded
    // golden.input.FEATURE and golden.logit: raw rows and their logits by net_forward, bit for bit.
    size_t golden_rows;
    const union row_cell *golden_shared; // (golden_rows, shared_width)
    const union row_cell *golden_row;    // (golden_rows, row_width)
    const float *golden_logit;           // (golden_rows)
    char *lineage; // JSON text: method, seed, configuration, data hash, metrics
    char sha256[DIGEST_HEX + 1];
    struct file_bytes bytes; // the memory that the pointers look into; empty when made for writing
    float *owned;            // other memory of the pointers
};

// Refuses what is not wholly right, each with its own words: header, alignment, gaps, unknown
// tensors, digest, manifest, widths, non-finite weights, privileged inputs in a student.
// `diag->file` is `path`.
MUST_USE enum status checkpoint_load(const char *path, struct checkpoint *ret_checkpoint,
                                     struct diag *reterr);
// The same from memory (fuzzing); takes over `bytes` on success only.
MUST_USE enum status checkpoint_parse(struct file_bytes *bytes, const char *name,
                                      struct checkpoint *ret_checkpoint, struct diag *reterr);
void checkpoint_fini(struct checkpoint *checkpoint);

// The law that every checkpoint obeys, read or to be written, each broken one with its own words:
// layers chain from the schema's columns to one logit, a student has nothing privileged. Looks at
// shapes only.
MUST_USE enum status checkpoint_check_shape(const struct checkpoint *checkpoint,
                                            struct diag *reterr);
// Weights, golden rows and golden logits are finite, the calibration obeys its law; raw golden
// values are in the range of proto/row.h.
MUST_USE enum status checkpoint_check_numbers(const struct checkpoint *checkpoint,
                                              struct diag *reterr);
const char *checkpoint_format(enum checkpoint_role role); // "ctr-student-1"
const char *checkpoint_role_text(enum checkpoint_role role);

// Writes role, schema, calibration, layers, golden rows and lineage; all or nothing. Equal input,
// equal bytes.
MUST_USE enum status checkpoint_write(const char *path, const struct checkpoint *checkpoint,
                                      struct diag *reterr);
// For people: inputs with scope, layers, calibration, lineage, and for a student the proof that no
// privileged input is there (first-layer width = served columns, listed).
MUST_USE enum status checkpoint_describe(const struct checkpoint *checkpoint, struct buf *out);
