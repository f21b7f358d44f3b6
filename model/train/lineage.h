// Where a checkpoint comes from, as the JSON text inside it: what it says of data files, and how
// it is extended. Files are known by the hash of their parsed content (dataset.h): the same data
// under another name, or compressed, is the same file.
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

#include <stdint.h>

enum { LINEAGE_HASH_TEXT = 17 };

enum lineage_role {
    LINEAGE_UNKNOWN,    // the lineage names no files
    LINEAGE_UNSEEN,     // the training did not read it
    LINEAGE_TRAINING,   // data.train: its lists taught the model, all or most of them
    LINEAGE_VALIDATION, // data.valid: it chose the epoch
};

// 16 hexadecimal digits.
const char *lineage_hash(uint64_t content_hash, char text[LINEAGE_HASH_TEXT]);
// `lineage` may be NULL.
enum lineage_role lineage_role_of(const char *lineage, uint64_t content_hash);
// The lineage with `key` set to `child`, which is taken over. The caller frees. STATUS_NO_MEMORY,
// STATUS_INVALID.
MUST_USE enum status lineage_extend(const char *lineage, const char *key, struct json_value *child,
                                    char **ret_lineage, struct diag *reterr);
