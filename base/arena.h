// Memory with one lifetime: allocations are carved from a block and given back all at once.
//
//   base                used                 capacity
//   |== allocation ==|pad|== allocation ==|..............|
//
// On the request path nothing else allocates: each worker has an arena that is reset per request.
// Running out marks the arena `overflowed` (sticky until reset) and returns NULL; the caller
// answers STATUS_TOO_LARGE or STATUS_NO_MEMORY. Not thread-safe: one owner.
//
// arena_emu.c is the second implementation: one malloc per allocation, linked in the sanitizer
// builds, so that an overrun inside the arena is seen. Both hold to the same contract and the same
// test.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct arena {
    unsigned char *base;
    size_t capacity, used;
    size_t peak; // most that was ever used between two resets, bytes
    bool overflowed;
    void *blocks; // of the emulator
};

enum { ARENA_ALIGN = 64 }; // of every allocation: a cache line, an AVX-512 register

MUST_USE enum status arena_init(struct arena *arena, size_t capacity_bytes);
void arena_fini(struct arena *arena); // zeroed is nothing
// An empty arena of at least so many bytes, of one that may be zeroed. STATUS_NO_MEMORY: it is
// zeroed.
MUST_USE enum status arena_fit(struct arena *arena, size_t bytes);

// Not zeroed. A size of 0 gives a valid pointer to nothing.
MUST_USE void *arena_alloc(struct arena *arena, size_t bytes);
// count * bytes with a check for overflow, which counts as running out.
MUST_USE void *arena_array(struct arena *arena, size_t count, size_t bytes);
MUST_USE void *arena_zero_array(struct arena *arena, size_t count, size_t bytes);
MUST_USE char *arena_copy_text(struct arena *arena, const char *data, size_t size); // terminated

size_t arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, size_t mark); // gives back all that came after the mark
void arena_reset(struct arena *arena);
