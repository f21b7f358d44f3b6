// Decimal numbers inside a longer text, fast and correctly rounded: the same bits as strtod.
//
// The grammar is base/num.h's: [-] digits [. digits] [e [+-] digits], no sign '+', nan, inf or
// hexadecimal. Short numbers (Clinger's fast path: the digits as an integer are at most 2^53 and
// the power of ten is at most 22, both exact doubles, so that one rounding remains) are converted
// here, all others by num_parse_double. Source: Clinger, "How to read floating point numbers
// accurately", PLDI 1990.
#pragma once

#include "base/status.h"

#include <stdbool.h>

// Reads the number at *cursor; it ends before the first blank, tab or `end`, where *end must be a
// readable byte that is no digit (a line's '\n' or '\r'). On success *cursor moves behind the
// number. STATUS_INVALID: no number, or too large for a double; STATUS_NO_MEMORY.
MUST_USE enum status decimal_parse(const char **cursor, const char *end, double *ret_value);

bool decimal_is_blank(char c); // blank or tab
