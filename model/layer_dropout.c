#include "model/layer_dropout.h"

#include "base/clones.h"
#include "base/rng.h"

#include <assert.h>

enum { WORDS = 4 }; // of a Philox block

size_t layer_dropout_blocks(size_t units)
{
    return units / WORDS + (units % WORDS != 0);
}

CLONES void layer_dropout_mask(const struct layer_dropout_draw *draw, uint32_t row, uint32_t block,
                               size_t units, uint8_t *mask)
{
    assert(draw->rate >= 0 && draw->rate < 1);
    struct rng_key key = rng_key_of(draw->seed, RNG_DROPOUT);
    uint32_t threshold = (uint32_t)(draw->rate * 0x1p32);
    size_t unit = 0;
    for (; unit + WORDS * RNG_MANY <= units; unit += WORDS * RNG_MANY, block += RNG_MANY) {
        uint32_t words[WORDS][RNG_MANY];
        rng_words_many(key, draw->epoch, draw->step, row, block, words);
        for (size_t i = 0; i < WORDS * RNG_MANY; i++)
            mask[unit + i] = words[i % WORDS][i / WORDS] >= threshold;
    }
    for (; unit < units; unit += WORDS, block++) {
        uint32_t words[WORDS];
        rng_words(key, draw->epoch, draw->step, row, block, words);
        size_t count = units - unit < WORDS ? units - unit : WORDS;
        for (size_t i = 0; i < count; i++)
            mask[unit + i] = words[i] >= threshold;
    }
}

// The same in both directions: the mask is a constant factor.
CLONES static void apply(float *restrict values, const uint8_t *restrict mask, size_t count,
                         double rate)
{
    float scale = (float)(1 / (1 - rate));
    for (size_t i = 0; i < count; i++)
        values[i] *= scale * (float)mask[i];
}

void layer_dropout_forward(float *x, const uint8_t *mask, size_t count, double rate)
{
    apply(x, mask, count, rate);
}

void layer_dropout_backward(float *g, const uint8_t *mask, size_t count, double rate)
{
    apply(g, mask, count, rate);
}
