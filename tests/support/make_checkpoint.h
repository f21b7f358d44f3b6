// Checkpoints with random weights for tests: any widths, any schema, equal bytes for equal
// arguments.
#pragma once

#include "base/status.h"
#include "model/checkpoint.h"

#include <stddef.h>
#include <stdint.h>

struct make_checkpoint {
    enum checkpoint_role role;
    // "NAME:SCOPE:SIZE[:log1p][:privileged][:default],..." as in "f:item:136:log1p,hour:context:4".
    const char *features;
    const size_t *hidden; // widths of the hidden layers
    size_t hidden_count;
    uint64_t seed;
    // Not NULL: features as a configuration has them, in front of those above (which may be NULL).
    // What training would fit is made: edges, mean and scale, and vocabularies of three ids.
    const char *yaml;
    struct checkpoint_attention attention; // of its features of pool din
    // Training ranges of every number that is sent: range[0] to range[1]; NULL: none.
    const float *range;
    bool histogram; // of pCTR: 50 in each of 20 bins of equal width
};

// In memory, with golden rows scored by the scalar kernels; for checkpoint_fini.
MUST_USE enum status make_checkpoint(const struct make_checkpoint *spec,
                                     struct checkpoint *ret_checkpoint, struct diag *reterr);
MUST_USE enum status make_checkpoint_file(const char *path, const struct make_checkpoint *spec,
                                          struct diag *reterr);
// Hostile files, each with a right digest. `spec` is that of an honest student.
// The first layer has one more column, that of a privileged feature the manifest does not speak of.
MUST_USE enum status make_checkpoint_widened(const char *path, const struct make_checkpoint *spec,
                                             struct diag *reterr);
// A teacher with one privileged column that says it is a student.
MUST_USE enum status make_checkpoint_disguised(const char *path, const struct make_checkpoint *spec,
                                               struct diag *reterr);
