// A small table beside the logs, by key: what an item is, where the logs name only its id.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { CSVJOIN_MAX_BYTES = 1 << 30 };

struct csvjoin; // in memory; immutable; shared by threads

// The table in `path`, plain or gzip, whose first line is a header with the column `on`. A key that
// stands twice, or a file that changes meanwhile, is a fault (file:line).
MUST_USE enum status csvjoin_read(const char *path, const char *on, char separator,
                                  struct csvjoin **ret_join, struct diag *reterr);
void csvjoin_free(struct csvjoin *join); // NULL is nothing
const char *csvjoin_on(const struct csvjoin *join);
// Number of the column, or SIZE_MAX.
size_t csvjoin_column(const struct csvjoin *join, const char *name);
// hash64 of all it holds.
uint64_t csvjoin_hash(const struct csvjoin *join);
// Its fields, by number of the column; NULL: the table has no such key.
const struct span *csvjoin_row(const struct csvjoin *join, struct span key);
