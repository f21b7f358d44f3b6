// The list names (qids) of a data set in order of arrival, each once, with a test for known ones.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Name i is text[offset[i]] .. text[offset[i + 1]]. One owner; the slots are an open-addressed
// table of hash64 with linear probing, at most half full.
struct qidset {
    struct buf text;
    uint64_t *offset; // (count + 1), room for capacity + 1
    size_t count, capacity;
    uint32_t *slots; // (2 * capacity) index + 1 of a name, 0: free
};

void qidset_init(struct qidset *set);
void qidset_fini(struct qidset *set);
bool qidset_has(const struct qidset *set, struct span name);
// `name` must be new. STATUS_NO_MEMORY; STATUS_TOO_LARGE beyond 2^31 names.
MUST_USE enum status qidset_add(struct qidset *set, struct span name);
struct span qidset_name(const struct qidset *set, size_t index);
