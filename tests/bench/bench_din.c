// The attention unit of DIN, 80-40-1 over embeddings of 16: 200 candidates against 50 behaviours,
// and against few and many. Beside the time the share of the FMA operations that one core could
// have done in it (a measure of waste: activations and padding count for nothing). Best of several
// repetitions.
//
//   bench_din PEAK_GFLOPS   (as bench_kernels prints it)
#include "base/rng.h"
#include "base/tick.h"
#include "model/din.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIM = 16, FIRST = 80, SECOND = 40, CANDIDATES = 200, MAX_BEHAVIOURS = 500 };

static float *floats_new(size_t n, uint32_t key, double scale)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, key);
    float *x = aligned_alloc(64, (n + 15) / 16 * 64);
    if (x == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(rng_normal(&rng) * scale);
    return x;
}

static float *positive_new(size_t n, uint32_t key)
{
    float *x = floats_new(n, key, 1);
    for (size_t i = 0; i < n; i++)
        x[i] = fabsf(x[i]) / (1 + fabsf(x[i]));
    return x;
}

// The memory of the weights lives until the program ends.
static struct din_weights weights_new(void)
{
    static const size_t widths[] = {4 * DIM, FIRST, SECOND, 1};
    struct din_weights weights = {.dim = DIM, .layer_count = 3};
    weights.a = floats_new(FIRST * DIM, 1, 0.2);
    weights.b = floats_new(FIRST * DIM, 2, 0.2);
    weights.c = floats_new(FIRST * DIM, 3, 0.2);
    for (size_t k = 0; k < 3; k++) {
        size_t in = widths[k], out = widths[k + 1];
        uint32_t key = 10 * (uint32_t)(k + 1);
        weights.layers[k] = (struct din_layer){.in = in,
                                               .out = out,
                                               .weight = floats_new(in * out, key, 0.2),
                                               .bias = floats_new(out, key + 1, 0.2),
                                               .kappa = positive_new(out, key + 2),
                                               .mean = floats_new(out, key + 3, 0.2),
                                               .var = positive_new(out, key + 4)};
    }
    return weights;
}

// Seconds of the fastest request; repeated for at least 0.3 s and three requests.
static double fastest(const struct din *din, size_t behaviours)
{
    float *e_b = floats_new(behaviours * DIM, 100, 1), *e_t = floats_new(CANDIDATES * DIM, 101, 1);
    float *once = floats_new(din_once_floats(din, behaviours), 102, 0);
    float *u = floats_new(CANDIDATES * DIM, 103, 0);
    void *scratch = aligned_alloc(64, din_scratch_bytes(din, behaviours));
    if (scratch == NULL)
        abort();
    double best = 1e9;
    uint64_t start = tick_ns();
    for (int calls = 0; calls < 3 || tick_seconds_since(start) < 0.3; calls++) {
        uint64_t begin = tick_ns();
        din_once(din, e_b, behaviours, once);
        din_forward(din, once, e_b, behaviours, e_t, DIM, CANDIDATES, u, DIM, scratch);
        double seconds = tick_seconds_since(begin);
        best = seconds < best ? seconds : best;
    }
    free(e_b);
    free(e_t);
    free(once);
    free(u);
    free(scratch);
    return best;
}

static void bench_set(const struct kernels *set, struct din_weights *weights, double peak_gflops)
{
    static const size_t behaviours[] = {1, 5, 50, MAX_BEHAVIOURS};
    struct din *din;
    struct diag diag;
    if (din_new(weights, set, &din, &diag) != STATUS_OK)
        abort();
    printf("%-8s %-6s %-8s", set->name, weights->activation == DIN_DICE ? "dice" : "prelu",
           weights->softmax ? "softmax" : "");
    for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++) {
        double pairs = CANDIDATES * (double)behaviours[i], seconds = fastest(din, behaviours[i]);
        double macs = pairs * (DIM * FIRST + FIRST * SECOND + SECOND + DIM);
        printf("  %4zu: %8.0f us", behaviours[i], seconds * 1e6);
        if (peak_gflops > 0)
            printf(" %3.0f %%", 100 * 2 * macs / seconds / 1e9 / peak_gflops);
    }
    printf("\n");
    din_free(din);
}

int main(int argc, char *argv[])
{
    double peak_gflops = argc > 1 ? strtod(argv[1], NULL) : 0;
    struct din_weights weights = weights_new();
    printf("DIN 80-40-1, dim 16, %d candidates, by behaviours\n", CANDIDATES);
    for (size_t s = 0; s < kernels_count(); s++)
        for (int choice = 0; choice < 4 && kernels_runnable(s); choice++) {
            weights.activation = choice / 2 != 0 ? DIN_DICE : DIN_PRELU;
            weights.softmax = choice % 2 != 0;
            bench_set(kernels_at(s), &weights, peak_gflops);
        }
    return 0;
}
