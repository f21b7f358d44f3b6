// What both arenas share, on top of arena_init and arena_alloc.
#include "base/arena.h"
#include "base/num.h"

#include <string.h>

enum status arena_fit(struct arena *arena, size_t bytes)
{
    if (arena->capacity == 0 || arena->capacity < bytes) {
        arena_fini(arena);
        return arena_init(arena, bytes);
    }
    arena_reset(arena);
    return STATUS_OK;
}

void *arena_array(struct arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (!num_mul(count, bytes, &total)) {
        arena->overflowed = true;
        return NULL;
    }
    return arena_alloc(arena, total);
}

void *arena_zero_array(struct arena *arena, size_t count, size_t bytes)
{
    void *memory = arena_array(arena, count, bytes);
    if (memory != NULL)
        memset(memory, 0, count * bytes);
    return memory;
}

char *arena_copy_text(struct arena *arena, const char *data, size_t size)
{
    size_t bytes;
    if (!num_add(size, 1, &bytes)) {
        arena->overflowed = true;
        return NULL;
    }
    char *copy = arena_alloc(arena, bytes);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}
