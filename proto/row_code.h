// From the bytes of an id to the row of its table: the one place that knows the encodings
// (design 8). Trainer and server come through here.
#pragma once

#include "base/status.h"
#include "proto/row.h"

// Of a hash table: ids of tables with different names fall apart differently.
uint64_t row_code_seed(struct span table_name);
// Rows of a table with this coding, row 0 among them: buckets + 1, or the vocabulary + 2.
size_t row_code_rows(const struct row_coding *coding);
// The row of an id that is not empty. False: identity, and the bytes are no integer in
// 0..buckets - 1.
MUST_USE bool row_code(const struct row_coding *coding, struct span id, uint32_t *ret_row);
// The row of the pair, each of at most ROW_MAX_ID_BYTES; 0 if a or b is empty.
uint32_t row_code_cross(const struct row_coding *coding, struct span a, struct span b);
