// The ids that a table knows by name, in the order of their rows: row 1 is unknown, row 2 + i the
// i-th id (spec/algorithm.md 1.1; design 8). Immutable; shared by threads.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct vocab;

enum { VOCAB_UNKNOWN = 1, VOCAB_FIRST = 2 };

// Id i is bytes[offset[i] .. offset[i + 1]); offset (count + 1) ascends from 0. Both are borrowed
// and live as long as the vocabulary. STATUS_CORRUPT for offsets that do not ascend, an empty id or
// one that stands twice; STATUS_NO_MEMORY.
MUST_USE enum status vocab_new(const char *bytes, const uint64_t *offset, size_t count,
                               struct vocab **ret_vocab, struct diag *reterr);
void vocab_free(struct vocab *vocab);
size_t vocab_count(const struct vocab *vocab);
// What it was made of: all ids one after another, and where each begins (vocab_count + 1).
struct span vocab_bytes(const struct vocab *vocab);
const uint64_t *vocab_offsets(const struct vocab *vocab);
struct span vocab_id(const struct vocab *vocab, size_t i);
// Its row, VOCAB_UNKNOWN if it has none.
uint32_t vocab_row(const struct vocab *vocab, struct span id);
