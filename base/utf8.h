// UTF-8, strictly: no overlong forms, no surrogates, nothing over U+10FFFF.
#pragma once

#include "base/span.h"

#include <stdint.h>

// Length in bytes (1..4) of the character at `at` < text.size, or 0 if there is no valid one.
size_t utf8_next(struct span text, size_t at, uint32_t *ret_code);
