// The arena's twin for sanitizer builds: one malloc per allocation, the same accounting.
#include "base/arena.h"

#include "base/num.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    size_t used_before;
    void *memory;
};

enum status arena_init(struct arena *arena, size_t capacity_bytes)
{
    memset(arena, 0, sizeof(*arena));
    size_t capacity;
    if (!num_add(capacity_bytes, ARENA_ALIGN, &capacity))
        return STATUS_NO_MEMORY;
    arena->capacity = num_round_up(capacity_bytes, ARENA_ALIGN);
    return STATUS_OK;
}

void arena_fini(struct arena *arena)
{
    arena_rewind(arena, 0);
    memset(arena, 0, sizeof(*arena));
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    if (bytes > arena->capacity - arena->used) {
        arena->overflowed = true;
        return NULL;
    }
    struct arena_block *block = malloc(sizeof(*block));
    // Exactly `bytes`, so that the first byte behind is poisoned; aligned as promised.
    void *memory = NULL;
    if (block == NULL || posix_memalign(&memory, ARENA_ALIGN, bytes == 0 ? 1 : bytes) != 0) {
        free(block);
        arena->overflowed = true;
        return NULL;
    }
    *block = (struct arena_block){arena->blocks, arena->used, memory};
    arena->blocks = block;
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
    struct arena_block *block = arena->blocks;
    while (block != NULL && block->used_before >= mark) {
        struct arena_block *older = block->older;
        free(block->memory);
        free(block);
        block = older;
    }
    arena->blocks = block;
    arena->used = mark;
}

void arena_reset(struct arena *arena)
{
    arena_rewind(arena, 0);
    arena->overflowed = false;
}
