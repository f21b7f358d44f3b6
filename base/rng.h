// Counter-based random numbers, Philox4x32-10: a number is a pure function of key and counter, so
// there is no state to save, and threads and restarts cannot change what is drawn.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <stddef.h>
#include <stdint.h>

// What a stream is for; part of the key.
enum rng_stream {
    RNG_INIT = 1,
    RNG_SHUFFLE = 2,
    RNG_DROPOUT = 3,
    RNG_TIES = 4,
    RNG_SYNTH = 5,
    RNG_BIDS = 6,
    RNG_BOOTSTRAP = 7,
    RNG_EMBED = 8,
    RNG_ARRIVALS = 9,
    RNG_TEST = 99,
};

struct rng_key {
    uint32_t seed, stream;
};

// Four words from counter (a, b, c, d).
void rng_words(struct rng_key key, uint32_t a, uint32_t b, uint32_t c, uint32_t d,
               uint32_t ret_words[4]);

enum { RNG_MANY = 16 };
// The same for RNG_MANY counters (a, b, c, d) .. (a, b, c, d + RNG_MANY - 1), modulo 2^32, several
// at a time: word w of counter d + i goes to ret_words[w][i].
void rng_words_many(struct rng_key key, uint32_t a, uint32_t b, uint32_t c, uint32_t d,
                    uint32_t ret_words[4][RNG_MANY]);

// A sequence drawn from (a, b) for code that wants one number after another. The caller owns it.
struct rng {
    struct rng_key key;
    uint32_t a, b;
    uint64_t next; // index of the next block of four words
    uint32_t words[4];
    unsigned left;
};

void rng_start(struct rng *rng, uint64_t seed, enum rng_stream stream, uint32_t a, uint32_t b);
uint32_t rng_u32(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); // uniform in [0, bound), unbiased; bound > 0
double rng_uniform(struct rng *rng);                 // [0, 1), 53 bits
double rng_normal(struct rng *rng);                  // mean 0, deviation 1 (Box-Muller)
void rng_shuffle_u32(struct rng *rng, uint32_t *items, size_t count); // Fisher-Yates
struct rng_key rng_key_of(uint64_t seed, enum rng_stream stream); // folds 64 bits of seed into 32
