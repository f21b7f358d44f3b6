// A glance at a rank body, or at its beginning, before it is parsed: by when it has to be answered,
// and whose features it has. What the parser says counts; a glance at a body that it accepts never
// says anything else, though it may miss what is written with escapes.
#pragma once

#include "base/span.h"

#include <stddef.h>
#include <stdint.h>

enum { RANK_PEEK_TIMEOUT = 1, RANK_PEEK_NAMES = 2 };

struct rank_peek {
    uint64_t timeout_us; // 0: none; as large as possible if it is too large
    struct span model;   // data NULL: none; into the body
    uint64_t version;    // 0: none, or a label
    struct span label;   // that stands as the version; data NULL: none
};

// `wanted`: which of the members are looked for. Any bytes will do; what is no rank body is for the
// parser to say. 1 to 100 us for 100 KB.
void rank_peek(const char *body, size_t size, unsigned wanted, struct rank_peek *ret_peek);
