#include "tests/support/floats.h"

#include "base/rng.h"
#include "model/kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void floats_fill(float *x, size_t n, uint64_t seed, enum floats_kind kind)
{
    static const float wild[] = {NAN,        INFINITY, -INFINITY, 0.0F,      -0.0F,   0x1p-149F,
                                 -0x1p-140F, FLT_MIN,  -FLT_MAX,  0x1p-100F, -1e-30F, 1e30F};
    struct rng rng;
    rng_start(&rng, seed, RNG_TEST, 0, (uint32_t)kind);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)rng_normal(&rng);
        if (kind == FLOATS_WILD && rng_below(&rng, 8) == 0)
            x[i] = wild[rng_below(&rng, sizeof(wild) / sizeof(wild[0]))];
    }
}

float *floats_odd(size_t n)
{
    float *block = malloc((n + 1) * sizeof(float)); // 16-byte aligned, so +1 is not
    if (block == NULL)
        abort();
    return block + 1;
}

void floats_free(float *x)
{
    free(x - 1);
}

bool floats_same(float a, float b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

size_t floats_differ(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!floats_same(a[i], b[i]))
            return i;
    return n;
}

float floats_chain(const float *x, const float *w, size_t in, float init)
{
    float acc = init;
    for (size_t k = 0; k < in; k++)
        acc = fmaf(x[k], w[k], acc);
    return acc;
}

float floats_partials(const float *x, const float *w, size_t in, float bias)
{
    float p[16];
    for (size_t l = 0; l < 16; l++) {
        p[l] = 0;
        for (size_t k = l; k < in; k += 16)
            p[l] = fmaf(x[k], w[k], p[l]);
    }
    float eight[8], four[4];
    for (size_t l = 0; l < 8; l++)
        eight[l] = p[l] + p[l + 8];
    for (size_t l = 0; l < 4; l++)
        four[l] = eight[l] + eight[l + 4];
    return ((four[0] + four[2]) + (four[1] + four[3])) + bias;
}

void floats_announce_sets(void)
{
    for (size_t s = 0; s < kernels_count(); s++)
        printf("kernels %s: %s\n", kernels_at(s)->name,
               kernels_runnable(s) ? "tested" : "SKIPPED, this CPU cannot run it");
    (void)fflush(stdout);
}
