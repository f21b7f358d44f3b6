// A file of one decimal number a line, a line a document: true probabilities, bids.
#pragma once

#include "base/status.h"

#include <stddef.h>

struct numberfile_rule {
    double min, max;    // inclusive
    const char *wanted; // "a probability between 0 and 1"
};

// Exactly `count` numbers; else STATUS_INVALID names file:line. The caller frees. STATUS_NOT_FOUND
// without a file.
MUST_USE enum status numberfile_read(const char *path, size_t count,
                                     const struct numberfile_rule *rule, double **ret_numbers,
                                     struct diag *reterr);
