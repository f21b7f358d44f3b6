#include "base/arena.h"

#include "base/num.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum status arena_init(struct arena *arena, size_t capacity_bytes)
{
    memset(arena, 0, sizeof(*arena));
    size_t capacity;
    if (!num_add(capacity_bytes, ARENA_ALIGN, &capacity))
        return STATUS_NO_MEMORY;
    capacity = num_round_up(capacity_bytes, ARENA_ALIGN);
    arena->base = aligned_alloc(ARENA_ALIGN, capacity == 0 ? ARENA_ALIGN : capacity);
    if (arena->base == NULL)
        return STATUS_NO_MEMORY;
    arena->capacity = capacity;
    return STATUS_OK;
}

void arena_fini(struct arena *arena)
{
    free(arena->base);
    memset(arena, 0, sizeof(*arena));
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    // `used` is always a multiple of ARENA_ALIGN, so the next allocation is aligned.
    size_t left = arena->capacity - arena->used;
    if (bytes > left) {
        arena->overflowed = true;
        return NULL;
    }
    void *memory = arena->base + arena->used;
    arena->used += num_round_up(bytes, ARENA_ALIGN);
    if (arena->used > arena->peak)
        arena->peak = arena->used;
    return memory;
}

size_t arena_mark(const struct arena *arena)
{
    return arena->used;
}

void arena_rewind(struct arena *arena, size_t mark)
{
    assert(mark <= arena->used && mark % ARENA_ALIGN == 0);
    arena->used = mark;
}

void arena_reset(struct arena *arena)
{
    arena->used = 0;
    arena->overflowed = false;
}
