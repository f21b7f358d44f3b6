#include "base/hash64.h"

#include <xxhash.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

// A hash64_stream is xxhash's own state, which it alone can make (it needs 64-byte alignment).
static XXH3_state_t *hash64_state(struct hash64_stream *stream)
{
    return (XXH3_state_t *)stream;
}

struct hash64_stream *hash64_new(uint64_t seed)
{
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL)
        return NULL;
    XXH3_64bits_reset_withSeed(state, seed);
    return (struct hash64_stream *)state;
}

void hash64_update(struct hash64_stream *stream, const void *data, size_t size)
{
    XXH3_64bits_update(hash64_state(stream), data, size);
}

uint64_t hash64_value(const struct hash64_stream *stream)
{
    return XXH3_64bits_digest((const XXH3_state_t *)stream);
}

void hash64_free(struct hash64_stream *stream)
{
    XXH3_freeState(hash64_state(stream));
}
