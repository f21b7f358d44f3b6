// XXH3_64, the one hash of the project: id buckets, data splits, duplicate tables.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed);

struct hash64_stream; // incremental, equal to hash64 over the concatenation
struct hash64_stream *hash64_new(uint64_t seed); // NULL: no memory
void hash64_update(struct hash64_stream *stream, const void *data, size_t size);
uint64_t hash64_value(const struct hash64_stream *stream);
void hash64_free(struct hash64_stream *stream);
