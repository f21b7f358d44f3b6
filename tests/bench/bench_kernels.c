// How fast each kernel set is, as a share of the FMA peak measured in the same run, and the network
// of the paper (MLP 136-1024-512-256-1) beside OpenBLAS. Best of several repetitions: the machine's
// noise only adds.
//
//   bench_kernels
#include "base/rng.h"
#include "base/tick.h"
#include "model/kernels/blas.h"
#include "model/kernels/kernels.h"
#include "model/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Rows lie one cache line further apart than a power of two, as in a network.
enum { ROWS = 300, LAYERS = 4, STRIDE = 1024 + 16 };

static const size_t widths[LAYERS + 1] = {136, 1024, 512, 256, 1};
static const size_t row_counts[] = {1, 8, 100, 300};
enum { ROW_COUNTS = sizeof(row_counts) / sizeof(row_counts[0]) };

struct bench {
    float *weights[LAYERS], *biases[LAYERS]; // biases padded to 32
    float *x;                                // (ROWS, STRIDE)
    float *y[2];                             // (ROWS, STRIDE)
    float *negative;                         // (ROWS, STRIDE) below 0, as in a softmax
    float *positive;                         // (80) in 0..1
};

// Independent chains, enough of them to hide the latency of each: the most that one core can do.
enum { CHAINS = 12, CHAIN_STEPS = 100000 };

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double wide_gflops(void)
{
    __m512 chain[CHAINS], factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(0.001F);
    for (int c = 0; c < CHAINS; c++)
        chain[c] = _mm512_set1_ps((float)c);
    uint64_t start = tick_ns();
    for (int i = 0; i < CHAIN_STEPS; i++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++)
            chain[c] = _mm512_fmadd_ps(chain[c], factor, term);
    double seconds = tick_seconds_since(start);
    volatile float sink = 0;
    for (int c = 0; c < CHAINS; c++)
        sink = sink + _mm512_cvtss_f32(chain[c]);
    return 2.0 * 16 * CHAINS * CHAIN_STEPS / seconds / 1e9;
}

__attribute__((target("avx2,fma"))) static double half_gflops(void)
{
    __m256 chain[CHAINS], factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(0.001F);
    for (int c = 0; c < CHAINS; c++)
        chain[c] = _mm256_set1_ps((float)c);
    uint64_t start = tick_ns();
    for (int i = 0; i < CHAIN_STEPS; i++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++)
            chain[c] = _mm256_fmadd_ps(chain[c], factor, term);
    double seconds = tick_seconds_since(start);
    volatile float sink = 0;
    for (int c = 0; c < CHAINS; c++)
        sink = sink + _mm256_cvtss_f32(chain[c]);
    return 2.0 * 8 * CHAINS * CHAIN_STEPS / seconds / 1e9;
}
#endif

// 0 where it is not known how to measure it.
static double fma_peak_gflops(void)
{
    double peak = 0;
#if defined(__x86_64__)
    for (int i = 0; i < 200; i++) { // short enough to run undisturbed once
        double now = __builtin_cpu_supports("avx512f") ? wide_gflops()
                     : __builtin_cpu_supports("fma")   ? half_gflops()
                                                       : 0;
        peak = now > peak ? now : peak;
    }
#endif
    return peak;
}

static float *floats_new(size_t n, struct rng *rng, double scale)
{
    float *x = aligned_alloc(64, (n + 15) / 16 * 64);
    if (x == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(rng_normal(rng) * scale);
    return x;
}

static struct bench bench_new(void)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    struct bench bench;
    for (size_t k = 0; k < LAYERS; k++) {
        bench.weights[k] = floats_new(widths[k] * widths[k + 1], &rng, 0.05);
        bench.biases[k] = floats_new(widths[k + 1] + KERNELS_PANEL, &rng, 0.05);
    }
    bench.x = floats_new(ROWS * STRIDE, &rng, 1);
    for (size_t i = 0; i < 2; i++)
        bench.y[i] = floats_new(ROWS * STRIDE, &rng, 0);
    bench.negative = floats_new(ROWS * STRIDE, &rng, 3);
    bench.positive = floats_new(80, &rng, 0.1);
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        bench.negative[i] = -fabsf(bench.negative[i]);
    for (size_t i = 0; i < 80; i++)
        bench.positive[i] = 0.5F + 0.1F * (float)(i % 5);
    return bench;
}

static void bench_free(struct bench *bench)
{
    for (size_t k = 0; k < LAYERS; k++) {
        free(bench->weights[k]);
        free(bench->biases[k]);
    }
    free(bench->x);
    free(bench->y[0]);
    free(bench->y[1]);
    free(bench->negative);
    free(bench->positive);
}

struct work {
    void (*run)(const struct work *work);
    const struct bench *bench;
    const struct kernels *kernels;
    const struct net *net;
    const struct kernels_panels *panels;
    void *scratch;
    size_t n;
};

// Seconds of the fastest call; repeated for at least 0.2 s and three calls.
static double fastest(const struct work *work)
{
    double best = 1e9;
    uint64_t start = tick_ns();
    for (int calls = 0; calls < 3 || tick_seconds_since(start) < 0.2; calls++) {
        uint64_t begin = tick_ns();
        work->run(work);
        double seconds = tick_seconds_since(begin);
        best = seconds < best ? seconds : best;
    }
    return best;
}

static void run_dense(const struct work *work)
{
    work->kernels->dense(work->bench->x, work->n, STRIDE, work->panels, work->bench->biases[1], 0,
                         true, work->bench->y[0], 512 + 16);
}

static void run_narrow(const struct work *work)
{
    work->kernels->narrow(work->bench->x, work->n, 256 + 16, work->bench->weights[3], 256, 1,
                          work->bench->biases[3], false, work->bench->y[0], 1);
}

static void run_log1p(const struct work *work)
{
    work->kernels->log1p(work->bench->x, work->n * 136, work->bench->y[0]);
}

static void run_exp(const struct work *work)
{
    work->kernels->exp(work->bench->negative, work->n * 136, work->bench->y[0]);
}

static void run_sigmoid(const struct work *work)
{
    work->kernels->sigmoid(work->bench->x, work->n * 136, work->bench->y[0]);
}

static void run_prelu(const struct work *work)
{
    work->kernels->prelu(work->bench->y[1], work->n, STRIDE, 80, work->bench->positive);
}

static void run_dice(const struct work *work)
{
    const float *positive = work->bench->positive;
    const struct kernels_dice dice = {positive, positive, work->bench->biases[1], positive};
    work->kernels->dice(work->bench->y[1], work->n, STRIDE, 80, &dice);
}

static void run_add_row(const struct work *work)
{
    work->kernels->add_row(work->bench->x, work->n, STRIDE, work->bench->biases[1], 80,
                           work->bench->y[0], 80);
}

static void run_mul_row(const struct work *work)
{
    work->kernels->mul_row(work->bench->x, work->n, STRIDE, work->bench->biases[1], 80,
                           work->bench->y[0], 80);
}

static void run_pool(const struct work *work)
{
    work->kernels->pool(work->bench->biases[1], work->bench->x, work->n, STRIDE, 80,
                        work->bench->y[0]);
}

// Floating-point operations of one row; for functions and what goes element by element, values.
static const double dense_per_row = 2.0 * 1024 * 512, narrow_per_row = 2.0 * 256,
                    log1p_per_row = 136, exp_per_row = 136, sigmoid_per_row = 136,
                    prelu_per_row = 80, dice_per_row = 80, add_row_per_row = 80,
                    mul_row_per_row = 80, pool_per_row = 2.0 * 80;

// A new operation must bring its bench to compile here.
static const struct operation {
    const char *name;
    void (*run)(const struct work *work);
    const double *per_row;
} operations[] = {
#define KERNELS_OP(op) {#op, run_##op, &op##_per_row},
#include "model/kernels/kernels.def"
};

static void bench_operations(const struct bench *bench, double peak)
{
    // The second layer, 1024 -> 512; what the numbers are does not matter to the time.
    const struct kernels_panels panels = {bench->weights[1], 1024, 512};
    printf("10^9 operations (log1p to mul_row: values) a second\n%-8s %-8s", "op", "set");
    for (size_t r = 0; r < ROW_COUNTS; r++)
        printf(" %8zu rows", row_counts[r]);
    printf("\n");
    for (size_t o = 0; o < sizeof(operations) / sizeof(operations[0]); o++)
        for (size_t s = 0; s < kernels_count(); s++) {
            if (!kernels_runnable(s))
                continue;
            struct work work = {.run = operations[o].run, .bench = bench, .kernels = kernels_at(s)};
            work.panels = &panels;
            double rate = 0;
            printf("%-8s %-8s", operations[o].name, kernels_at(s)->name);
            for (size_t r = 0; r < ROW_COUNTS; r++) {
                work.n = row_counts[r];
                rate = *operations[o].per_row * (double)work.n / fastest(&work) / 1e9;
                printf(" %13.2f", rate);
            }
            if (operations[o].run == run_dense)
                printf("  %.0f %% of peak", 100 * rate / peak);
            printf("\n");
        }
}

static void run_net(const struct work *work)
{
    net_forward(work->net, work->bench->biases[0], work->bench->x, work->n, work->bench->y[0],
                work->scratch);
}

// The same layers as the trainer's library computes them.
static void run_blas(const struct work *work)
{
    const float *x = work->bench->x;
    for (size_t k = 0; k < LAYERS; k++) {
        float *y = work->bench->y[k % 2];
        size_t in = widths[k], out = widths[k + 1];
        blas_forward(work->n, in, out, x, in, work->bench->weights[k], in, y, out);
        for (size_t i = 0; i < work->n; i++)
            for (size_t j = 0; j < out; j++) {
                float sum = y[i * out + j] + work->bench->biases[k][j];
                y[i * out + j] = sum < 0 && k + 1 < LAYERS ? 0 : sum;
            }
        x = y;
    }
}

static void print_times(const char *name, struct work *work, double *times, const double *blas)
{
    printf("%-24s", name);
    for (size_t r = 0; r < ROW_COUNTS; r++) {
        work->n = row_counts[r];
        times[r] = fastest(work);
        printf(" %8.0f us", times[r] * 1e6);
        if (blas != NULL)
            printf(" (x %4.2f)", times[r] / blas[r]);
    }
    printf("\n");
}

static void bench_network(const struct bench *bench)
{
    struct net_layer layers[LAYERS];
    for (size_t k = 0; k < LAYERS; k++)
        layers[k] =
            (struct net_layer){bench->weights[k], bench->biases[k], widths[k], widths[k + 1]};
    double blas[ROW_COUNTS], times[ROW_COUNTS];
    struct work work = {.run = run_blas, .bench = bench};
    print_times("OpenBLAS sgemm", &work, blas, NULL);
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        struct net *net;
        struct diag diag;
        if (net_new(layers, LAYERS, 0, kernels_at(s), &net, &diag) != STATUS_OK)
            abort();
        work = (struct work){.run = run_net, .bench = bench, .net = net};
        work.scratch = aligned_alloc(64, net_scratch_bytes(net));
        if (work.scratch == NULL)
            abort();
        print_times(kernels_at(s)->name, &work, times, blas);
        free(work.scratch);
        net_free(net);
    }
}

int main(int argc, char *argv[])
{
    (void)argc;
    struct diag diag;
    if (blas_restart(argv, &diag) != STATUS_OK)
        fprintf(stderr, "%s: OpenBLAS stays at its older kernels\n", diag.words);
    blas_setup();
    double peak = fma_peak_gflops();
    printf("fp32 FMA peak of one core: %.0f GFLOP/s\n\n", peak);
    struct bench bench = bench_new();
    bench_operations(&bench, peak);
    printf("\nMLP 136-1024-512-256-1 at 1, 8, 100, 300 rows; beside it the ratio to %s (%s)\n",
           blas_version(), blas_core_name());
    bench_network(&bench);
    bench_free(&bench);
    return 0;
}
