// Documents a second of a training step: MLP 136-1024-512-256-1, minibatch of 1024, dropout .5,
// Adam; on one and two threads. Then where the time of one thread goes: each part alone, on the
// same shapes.
//
// The yardstick: an epoch of 2.3 million documents in 45 s on two cores is 51,000 documents/s.
#include "base/rng.h"
#include "base/tick.h"
#include "model/kernels/blas.h"
#include "model/layer_bn.h"
#include "model/layer_dropout.h"
#include "model/layer_linear.h"
#include "model/layer_relu.h"
#include "model/train/adam.h"
#include "model/train/net_train.h"

#include <stdio.h>
#include <stdlib.h>

enum { INPUT = 136, ROWS = 1024, SHARDS = 2, STEPS = 20, ROUNDS = 5, LAYERS = 4 };
static const size_t widths[LAYERS + 1] = {INPUT, 1024, 512, 256, 1};

struct bench {
    float *x, *logit, *grad;
    struct net_train *net;
    struct team *team;
    struct adam adam;
    // of the parts: wide enough for every layer
    float *a, *b, *g, *weight;
    uint8_t *mask;
    struct layer_bn bn;
    double *sums;
};

static void *memory(size_t count, size_t bytes)
{
    void *block = aligned_alloc(64, (count * bytes + 63) / 64 * 64);
    if (block == NULL) {
        fprintf(stderr, "no memory\n");
        exit(EXIT_FAILURE);
    }
    return block;
}

static float *normals(size_t count)
{
    float *values = memory(count, sizeof(*values));
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_normal(&rng);
    return values;
}

static void start(struct bench *bench, unsigned threads)
{
    struct net_train_config config = {.input = INPUT,
                                      .hidden_count = LAYERS - 1,
                                      .hidden = {1024, 512, 256},
                                      .input_bn = true,
                                      .hidden_bn = true,
                                      .dropout = .5,
                                      .shards = SHARDS,
                                      .max_rows = ROWS,
                                      .seed = 1};
    bench->team = team_start(threads);
    if (bench->team == NULL || net_train_new(&config, bench->team, &bench->net, NULL) != STATUS_OK)
        exit(EXIT_FAILURE);
    net_train_init(bench->net, -1);
    size_t floats = net_train_params(bench->net)->floats;
    bench->adam.t = 0;
    bench->adam.m = memory(floats, sizeof(float));
    bench->adam.v = memory(floats, sizeof(float));
    for (size_t i = 0; i < floats; i++)
        bench->adam.m[i] = bench->adam.v[i] = 0;
}

static void stop(struct bench *bench)
{
    free(bench->adam.m);
    free(bench->adam.v);
    net_train_free(bench->net);
    team_stop(bench->team);
}

static void run_adam(struct bench *bench)
{
    struct adam_config config = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = .001};
    adam_step(&bench->adam, &config, .001, 0, net_train_params(bench->net),
              net_train_values(bench->net), net_train_grads(bench->net), bench->team);
}

static void run_step(struct bench *bench)
{
    net_train_forward(bench->net, bench->x, ROWS, 0, (uint32_t)bench->adam.t, bench->logit);
    net_train_backward(bench->net, bench->grad);
    run_adam(bench);
}

static void run_gemm(struct bench *bench)
{
    for (size_t shard = 0; shard < SHARDS; shard++) {
        for (size_t k = 0; k < LAYERS; k++) {
            struct layer_linear layer = {widths[k], widths[k + 1], bench->weight, NULL};
            layer_linear_forward(&layer, bench->a, ROWS / SHARDS, bench->b);
            layer_linear_backward_weight(&layer, bench->g, bench->a, ROWS / SHARDS,
                                         net_train_grads(bench->net), NULL);
            if (k > 0)
                layer_linear_backward_input(&layer, bench->g, ROWS / SHARDS, bench->b);
        }
    }
}

static void run_bn(struct bench *bench)
{
    struct layer_bn *bn = &bench->bn;
    for (size_t k = 0; k < LAYERS; k++) {
        bn->units = widths[k];
        layer_bn_forward_sum(bn, bench->a, ROWS, bench->sums);
        layer_bn_forward_centred(bn, bench->a, ROWS, bench->sums);
        layer_bn_prepare(bn);
        layer_bn_forward_normalise(bn, bench->a, ROWS, bench->b);
        if (k == 0)
            continue;
        layer_bn_backward_sum(bn, bench->g, bench->a, ROWS, bench->sums, bench->sums + widths[k]);
        layer_bn_backward_input(bn, bench->b, bench->a, ROWS, bn->gamma, bn->beta);
    }
}

static void run_dropout(struct bench *bench)
{
    struct layer_dropout_draw draw = {1, 0, 0, .5};
    for (size_t k = 1; k + 1 < LAYERS; k++) {
        for (uint32_t row = 0; row < ROWS; row++)
            layer_dropout_mask(&draw, row, 0, widths[k], bench->mask + row * widths[k]);
        layer_dropout_forward(bench->b, bench->mask, ROWS * widths[k], .5);
        layer_dropout_backward(bench->b, bench->mask, ROWS * widths[k], .5);
    }
}

static void run_relu(struct bench *bench)
{
    for (size_t k = 1; k < LAYERS; k++) {
        layer_relu_forward(bench->b, ROWS * widths[k]);
        layer_relu_backward(bench->b, bench->a, ROWS * widths[k]);
    }
}

// The best of some rounds, seconds a call: other work on the machine only adds.
static double best(struct bench *bench, void (*run)(struct bench *))
{
    double least = 0;
    run(bench);
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t begin = tick_ns();
        for (size_t i = 0; i < STEPS; i++)
            run(bench);
        double seconds = tick_seconds_since(begin) / STEPS;
        least = round == 0 || seconds < least ? seconds : least;
    }
    return least;
}

static void print_parts(struct bench *bench, double step)
{
    static const struct {
        const char *name;
        void (*run)(struct bench *);
    } parts[] = {{"GEMM", run_gemm},
                 {"batch norm", run_bn},
                 {"ReLU", run_relu},
                 {"dropout", run_dropout},
                 {"Adam", run_adam}};
    double rest = step;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        double seconds = best(bench, parts[i].run);
        rest -= seconds;
        printf("  %-12s %7.2f ms  %5.1f %%\n", parts[i].name, seconds * 1e3, 100 * seconds / step);
    }
    printf("  %-12s %7.2f ms  %5.1f %%\n", "rest", rest * 1e3, 100 * rest / step);
}

int main(int argc, char *argv[])
{
    (void)argc;
    if (blas_restart(argv, NULL) != STATUS_OK)
        return EXIT_FAILURE;
    blas_setup();
    struct bench bench = {.x = normals(ROWS * INPUT),
                          .logit = memory(ROWS, sizeof(float)),
                          .grad = normals(ROWS),
                          .a = normals(ROWS * 1024),
                          .b = normals(ROWS * 1024),
                          .g = normals(ROWS * 1024),
                          .weight = normals(ROWS * 1024),
                          .mask = memory(ROWS, 1024),
                          .sums = memory(4 * 1024, sizeof(double))};
    float *units = normals(5 * 1024);
    bench.bn = (struct layer_bn){.gamma = units,
                                 .beta = units + 1024,
                                 .mean = bench.sums + 2 * 1024,
                                 .var = bench.sums + 3 * 1024,
                                 .mean_high = units + 2 * 1024,
                                 .mean_low = units + 3 * 1024,
                                 .inverse = units + 4 * 1024};
    for (size_t i = 0; i < 4 * 1024; i++)
        bench.sums[i] = 1;
    printf("OpenBLAS kernels: %s\n", blas_core_name());
    for (unsigned threads = 1; threads <= 2; threads++) {
        start(&bench, threads);
        double step = best(&bench, run_step);
        printf("%u thread%s: %.2f ms a step, %.0f documents/s, 2.3 M documents in %.0f s\n",
               threads, threads == 1 ? "" : "s", step * 1e3, ROWS / step, 2.3e6 * step / ROWS);
        if (threads == 1)
            print_parts(&bench, step);
        stop(&bench);
    }
    free(units);
    free(bench.x);
    free(bench.logit);
    free(bench.grad);
    free(bench.a);
    free(bench.b);
    free(bench.g);
    free(bench.weight);
    free(bench.mask);
    free(bench.sums);
    return EXIT_SUCCESS;
}
