// How often each id was seen: a hash table of bytes with counts. One owner.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idcount_entry {
    uint64_t hash, count;
    size_t at; // in `bytes`
    size_t size;
};

struct idcount {
    struct buf bytes;
    struct idcount_entry *entries; // (count) in order of arrival
    size_t count, capacity;
    uint32_t *slots; // (2 * capacity) index + 1, 0: free; linear probing
    bool failed;     // out of memory, or beyond 2^31 ids; sticky
};

void idcount_init(struct idcount *ids);
void idcount_fini(struct idcount *ids);
void idcount_add(struct idcount *ids, struct span id, uint64_t count);
struct span idcount_id(const struct idcount *ids, size_t index);
// Sorts the entries: often seen first, then by bytes. Nothing can be added any more.
MUST_USE enum status idcount_sort(struct idcount *ids);
