// A model folder: MODELDIR/VERSION/student.safetensors, the layout of Triton and TensorFlow
// Serving. The folder's last name is the model's name; versions are numbers, the larger the newer.
//
// Reading goes by descriptor and never leaves the folder (base/beneath.h). A version without the
// file is being made or is gone: it is ignored. Publishing renames a complete folder to its number,
// so a reader sees all or nothing, and a number once given never changes its content.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "model/scorer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_FILE "student.safetensors"
enum { STORE_NAME_BYTES = 64 };

bool store_name_valid(struct span name); // [A-Za-z0-9_][A-Za-z0-9._-]{0,63} (spec/security.md 3.3)
// A version: decimal, 1 .. 2^63 - 1, without leading zeros. False for every other name.
MUST_USE bool store_version_parse(struct span text, uint64_t *ret_version);
// The name of the model in a folder: its last component. STATUS_CONFIG if that is no valid name.
MUST_USE enum status store_name(const char *modeldir, char ret_name[STORE_NAME_BYTES + 1],
                                struct diag *reterr);

struct store_list {
    uint64_t *versions; // descending
    size_t count;
};

// The versions that hold a model file, whether or not it is valid. STATUS_CONFIG if the folder
// cannot be read. The caller frees with store_list_fini.
MUST_USE enum status store_versions(const char *modeldir, struct store_list *ret_list,
                                    struct diag *reterr);
void store_list_fini(struct store_list *list);
// The largest number that is taken, with a model file or without; 0 if none is.
MUST_USE enum status store_largest(const char *modeldir, uint64_t *ret_version,
                                   struct diag *reterr);

// One version, proven with `kernels`. Teachers are refused.
MUST_USE enum status store_load(const char *modeldir, uint64_t version,
                                const struct kernels *kernels, struct scorer *ret_scorer,
                                struct diag *reterr);

struct store_refusal {
    uint64_t version;
    struct diag why;
};

struct store_refusals {
    struct store_refusal *items; // in the order tried
    size_t count;
};

// From the newest version to the oldest, the first that is valid. The refused ones before it are in
// *ret_refusals in either case (for the caller to log, and to free). STATUS_CONFIG if none is
// valid, STATUS_NO_MEMORY if there was no memory to look at one.
MUST_USE enum status store_newest(const char *modeldir, const struct kernels *kernels,
                                  struct scorer *ret_scorer, uint64_t *ret_version,
                                  struct store_refusals *ret_refusals, struct diag *reterr);
void store_refusals_fini(struct store_refusals *refusals);

// Copies a valid student into the folder (made if absent) as `version`, or with 0 as the next
// number: one more than the largest there is. Never overwrites: a number that is taken is
// STATUS_INVALID, and of two that race for the next one each gets its own.
MUST_USE enum status store_publish(const char *file, const char *modeldir, uint64_t version,
                                   uint64_t *ret_version, struct diag *reterr);
