// Where a checkpoint comes from, as the JSON text inside it: what it says of data files, and how
// it is extended. Files are known by dataset_lists_hash: the same lists under another name,
// compressed, or with other features read of them, are the same file.
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

#include <stdint.h>

enum { LINEAGE_HASH_TEXT = 17 };

enum lineage_role {
    LINEAGE_UNKNOWN,    // the lineage names no files
    LINEAGE_UNSEEN,     // the training did not read it
    LINEAGE_TRAINING,   // data.train_lists: they taught the model, all or most of them
    LINEAGE_VALIDATION, // data.valid_lists: they chose the epoch
};

// 16 hexadecimal digits.
const char *lineage_hash(uint64_t hash, char text[LINEAGE_HASH_TEXT]);
// `lineage` may be NULL.
enum lineage_role lineage_role_of(const char *lineage, uint64_t lists_hash);
// The lineage with `key` set to `child`, which is taken over. The caller frees. STATUS_NO_MEMORY,
// STATUS_INVALID.
MUST_USE enum status lineage_extend(const char *lineage, const char *key, struct json_value *child,
                                    char **ret_lineage, struct diag *reterr);
