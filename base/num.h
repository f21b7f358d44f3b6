// Strict number parsing and overflow-checked sizes.
//
// The whole span must be the number: no blanks, no sign but '-' (and '+' in an exponent), no
// hexadecimal, no "nan", no "inf". Out of range is STATUS_INVALID, never a silent limit, except
// num_parse_double, where a decimal that is too large for a double is STATUS_INVALID and one that
// is too small becomes 0.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

MUST_USE enum status num_parse_i64(struct span text, int64_t *ret_value);
MUST_USE enum status num_parse_u64(struct span text, uint64_t *ret_value);
MUST_USE enum status num_parse_double(struct span text, double *ret_value);

MUST_USE bool num_add(size_t a, size_t b, size_t *ret_sum); // false on overflow
MUST_USE bool num_mul(size_t a, size_t b, size_t *ret_product);
size_t num_round_up(size_t n, size_t multiple); // multiple > 0; the caller knows it fits
// The shortest decimal that reads back to the same double ("0.1", "1e+22"; "inf", "nan"); cold
// paths only. Returns text.
enum { NUM_DOUBLE_TEXT = 32 };
const char *num_double_text(double value, char text[NUM_DOUBLE_TEXT]);
