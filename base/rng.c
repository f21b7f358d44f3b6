#include "base/rng.h"

#include "base/clones.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { RNG_ROUNDS = 10 };

void rng_words(struct rng_key key, uint32_t a, uint32_t b, uint32_t c, uint32_t d,
               uint32_t ret_words[4])
{
    uint32_t k0 = key.seed, k1 = key.stream;
    for (int round = 0; round < RNG_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * a;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c;
        uint32_t next_a = (uint32_t)(p1 >> 32) ^ b ^ k0;
        uint32_t next_c = (uint32_t)(p0 >> 32) ^ d ^ k1;
        b = (uint32_t)p1;
        d = (uint32_t)p0;
        a = next_a;
        c = next_c;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    ret_words[0] = a;
    ret_words[1] = b;
    ret_words[2] = c;
    ret_words[3] = d;
}

// Each line of a round over all counters: independent lanes, which the compiler keeps in vectors.
CLONES void rng_words_many(struct rng_key key, uint32_t a, uint32_t b, uint32_t c, uint32_t d,
                           uint32_t ret_words[4][RNG_MANY])
{
    uint32_t w0[RNG_MANY], w1[RNG_MANY], w2[RNG_MANY], w3[RNG_MANY];
    for (uint32_t i = 0; i < RNG_MANY; i++) {
        w0[i] = a;
        w1[i] = b;
        w2[i] = c;
        w3[i] = d + i;
    }
    for (uint32_t round = 0; round < RNG_ROUNDS; round++) {
        const uint32_t k0 = key.seed + round * 0x9E3779B9u, k1 = key.stream + round * 0xBB67AE85u;
        for (uint32_t i = 0; i < RNG_MANY; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * w0[i], p1 = (uint64_t)0xCD9E8D57u * w2[i];
            w0[i] = (uint32_t)(p1 >> 32) ^ w1[i] ^ k0;
            w2[i] = (uint32_t)(p0 >> 32) ^ w3[i] ^ k1;
            w1[i] = (uint32_t)p1;
            w3[i] = (uint32_t)p0;
        }
    }
    memcpy(ret_words[0], w0, sizeof(w0));
    memcpy(ret_words[1], w1, sizeof(w1));
    memcpy(ret_words[2], w2, sizeof(w2));
    memcpy(ret_words[3], w3, sizeof(w3));
}

struct rng_key rng_key_of(uint64_t seed, enum rng_stream stream)
{
    // Both halves count; the odd multiplier spreads the upper one over the word.
    uint32_t folded = (uint32_t)seed ^ ((uint32_t)(seed >> 32) * 0x9E3779B1u);
    return (struct rng_key){folded, (uint32_t)stream};
}

void rng_start(struct rng *rng, uint64_t seed, enum rng_stream stream, uint32_t a, uint32_t b)
{
    *rng = (struct rng){.key = rng_key_of(seed, stream), .a = a, .b = b};
}

uint32_t rng_u32(struct rng *rng)
{
    if (rng->left == 0) {
        rng_words(rng->key, rng->a, rng->b, (uint32_t)rng->next, (uint32_t)(rng->next >> 32),
                  rng->words);
        rng->next++;
        rng->left = 4;
    }
    rng->left--;
    return rng->words[3 - rng->left];
}

static uint64_t rng_u64(struct rng *rng)
{
    uint64_t low = rng_u32(rng);
    return low | (uint64_t)rng_u32(rng) << 32;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    assert(bound > 0);
    // Draws from the incomplete last block of `bound` numbers are thrown away.
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t draw;
    do
        draw = rng_u64(rng);
    while (draw >= limit);
    return draw % bound;
}

double rng_uniform(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *rng)
{
    double radius = sqrt(-2 * log(1 - rng_uniform(rng))); // 1 - u is in (0, 1]
    return radius * cos(6.283185307179586 * rng_uniform(rng));
}

void rng_shuffle_u32(struct rng *rng, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(rng, i);
        uint32_t held = items[i - 1];
        items[i - 1] = items[j];
        items[j] = held;
    }
}
