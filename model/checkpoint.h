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
#include "model/din.h"
#include "model/drift.h"
#include "model/schema.h"

#include <stddef.h>
#include <stdint.h>

enum checkpoint_role { CHECKPOINT_STUDENT, CHECKPOINT_TEACHER };

enum {
    CHECKPOINT_MAX_LAYERS = 16,
    CHECKPOINT_MAX_WIDTH = 65536,
    CHECKPOINT_GOLDEN_ROWS = 8, // at most, and at least one
};
static const size_t checkpoint_max_bytes = (size_t)16 << 30;

struct checkpoint_layer {
    const float *weight; // (out, in)
    const float *bias;   // (out)
    size_t in, out;
};

// The attention MLP of every DIN feature: 4 dim -> hidden -> 1.
struct checkpoint_attention {
    size_t hidden_count; // 1..DIN_MAX_LAYERS - 1 where a feature has DIN, else 0
    size_t hidden[DIN_MAX_LAYERS - 1];
    enum din_activation activation;
    bool softmax;
};

// Widths and kinds of one attention of `dim`; its pointers stay NULL.
void checkpoint_attention_shape(const struct checkpoint_attention *attention, size_t dim,
                                struct din_weights *ret_din);

struct checkpoint {
    enum checkpoint_role role;
    struct schema schema;
    struct calibrate calibrate; // knots: cal.x, cal.y
    size_t layer_count;
    struct checkpoint_layer layers[CHECKPOINT_MAX_LAYERS]; // mlp.K.weight, mlp.K.bias; folded
    const float **tables; // (schema.table_count) emb.TABLE (rows, dim)
    struct checkpoint_attention attention;
    struct din_weights *din; // (din_count) din.FEATURE.*, folded, of the DIN features in order
    size_t din_count;
    // golden.input.FEATURE and golden.logit: raw rows and their logits, bit for bit, each scored as
    // a request of one candidate.
    size_t golden_rows;
    const union row_cell *golden_shared; // (golden_rows, shared_cells)
    const union row_cell *golden_row;    // (golden_rows, row_cells)
    const float *golden_logit;           // (golden_rows)
    // What drift is measured by; files without either are whole, and their drift is not known.
    // ranges (schema.count): range.FEATURE (2, size), lows and then highs of the raw values in the
    // training data, of each feature with drift_has_range; NULL: there are none.
    const float **ranges;
    struct drift_histogram pctr; // pctr.edges, pctr.counts: of the calibrated pCTR on validation
    char *lineage;               // JSON text: method, seed, configuration, data hash, metrics
    char sha256[DIGEST_HEX + 1];
    // What a file that was read owns; all empty when made for writing.
    struct file_bytes bytes; // the memory that the pointers look into
    struct vocab **vocabs;   // (schema.table_count) of the tables; NULL where none
    void *owned;             // golden cells
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
// layers chain from the schema's columns to one logit, a student has nothing privileged, DIN has
// its attention. Looks at shapes only.
MUST_USE enum status checkpoint_check_shape(const struct checkpoint *checkpoint,
                                            struct diag *reterr);
// Weights, tables, golden rows and golden logits are finite, row 0 of a table is zero, the
// calibration, ranges and histogram obey their laws; golden cells are in the range of proto/row.h
// and of their tables.
MUST_USE enum status checkpoint_check_numbers(const struct checkpoint *checkpoint,
                                              struct diag *reterr);
const char *checkpoint_format(enum checkpoint_role role); // "ctr-student-1"
const char *checkpoint_role_text(enum checkpoint_role role);

// Writes role, schema, calibration, layers, tables, DIN, golden rows, ranges, histogram and
// lineage; all or nothing. Equal input, equal bytes.
MUST_USE enum status checkpoint_write(const char *path, const struct checkpoint *checkpoint,
                                      struct diag *reterr);
// For people: inputs with scope, layers, calibration, ranges, histogram, lineage, and for a student
// the proof that no privileged input is there (first-layer width = served columns, listed).
MUST_USE enum status checkpoint_describe(const struct checkpoint *checkpoint, struct buf *out);
