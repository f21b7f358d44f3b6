// A step of an embedding table that is too large to be passed over: 10 M rows of 16, 1024 documents
// of 60 look-ups whose rows follow a Zipf-like law; on one and two threads. Beside it a pass of
// dense Adam over the whole table: only rows that occur may cost. Then the memory of the process.
//
// The yardsticks: all of it within 3 GB; a step in a tenth of a dense pass or less. It touches a
// 400th of the rows, but finds each of them at a place of its own.
#include "base/rng.h"
#include "base/tick.h"
#include "model/embed_pool.h"
#include "model/train/embed_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    ROWS = 10 * 1000 * 1000,
    DIM = 16,
    DOCS = 1024,
    LOOKUPS = 60,
    STEPS = 20,
    SLICES = 10,
    LIMIT_MB = 3 * 1024,
};

enum part { PART_USE, PART_POOL, PART_GRAD, PART_COLLECT, PART_SQUARES, PART_UPDATE, PART_COUNT };
static const char *const part_names[] = {"use",     "pool (gather)", "gradients",
                                         "collect", "squares",       "update"};

static const struct adam_config config = {
    .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = 1e-6, .clip_norm = 1};

struct bench {
    struct embed_table table;
    struct team *team;
    uint32_t *rows; // (DOCS, LOOKUPS)
    double seconds[PART_COUNT], touched;
};

static void *memory(size_t count, size_t bytes)
{
    void *block = calloc(count, bytes);
    if (block == NULL) {
        fprintf(stderr, "no memory\n");
        exit(EXIT_FAILURE);
    }
    return block;
}

// Rank k with probability about 1 / k^1.05; ranks are scattered over the table, padding left out.
static void draw_rows(struct bench *bench, uint32_t step)
{
    const double power = 1 - 1.05, span = pow(ROWS, power) - 1;
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, step, 0);
    for (size_t i = 0; i < DOCS * LOOKUPS; i++) {
        double rank = floor(pow(1 + span * rng_uniform(&rng), 1 / power));
        bench->rows[i] = 1 + (uint32_t)((uint64_t)rank * 2654435761u % (ROWS - 1));
    }
}

static void part(struct bench *bench, enum part part, uint64_t *begin)
{
    bench->seconds[part] += tick_seconds_since(*begin);
    *begin = tick_ns();
}

static void step(struct bench *bench)
{
    struct embed_table *table = &bench->table;
    float pooled[DIM];
    size_t first;
    uint64_t begin = tick_ns();
    embed_table_begin(table);
    if (embed_table_use(table, bench->rows, DOCS * LOOKUPS, &first) != STATUS_OK)
        exit(EXIT_FAILURE);
    part(bench, PART_USE, &begin);
    // What a model does with them costs the same however long the table is.
    for (size_t doc = 0; doc < DOCS; doc++) {
        embed_pool_mean(table->values, DIM, bench->rows + doc * LOOKUPS, LOOKUPS, pooled);
        memcpy(table->grad + (first + doc * LOOKUPS) * DIM, pooled, sizeof(pooled));
    }
    part(bench, PART_POOL, &begin);
    for (size_t doc = 0; doc < DOCS; doc++) {
        float *grad = table->grad + (first + doc * LOOKUPS) * DIM;
        for (size_t i = 1; i < LOOKUPS; i++)
            memcpy(grad + i * DIM, grad, DIM * sizeof(*grad));
    }
    part(bench, PART_GRAD, &begin);
    embed_table_collect(table, bench->team);
    part(bench, PART_COLLECT, &begin);
    double squares = embed_table_squares(table, bench->team);
    part(bench, PART_SQUARES, &begin);
    embed_table_update(table, &config, .001, squares, bench->team);
    part(bench, PART_UPDATE, &begin);
    bench->touched += (double)table->touched_count;
}

// Seconds of a step.
static double run_steps(struct bench *bench, uint32_t first)
{
    memset(bench->seconds, 0, sizeof(bench->seconds));
    bench->touched = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        draw_rows(bench, first + i);
        step(bench);
    }
    double seconds = 0;
    for (size_t i = 0; i < PART_COUNT; i++)
        seconds += bench->seconds[i] /= STEPS;
    bench->touched /= STEPS;
    return seconds;
}

// Slice by slice with the gradients of one slice, so that the yardstick itself needs little memory.
static double run_dense(struct bench *bench)
{
    struct param_set params = {0};
    param_declare(&params, "slice", ROWS / SLICES, DIM, true);
    float *grads = memory(params.floats, sizeof(*grads));
    for (size_t i = 0; i < params.floats; i++)
        grads[i] = 1e-3F;
    double seconds = 0;
    for (size_t round = 0; round < 2; round++) { // the first makes the pages that do not exist yet
        uint64_t begin = tick_ns();
        for (size_t i = 0; i < SLICES; i++) {
            size_t at = i * params.floats;
            struct adam adam = {bench->table.adam.m + at, bench->table.adam.v + at, round};
            double squares = adam_squares(&params, grads, bench->team);
            adam_step(&adam, &config, .001, squares, &params, bench->table.values + at, grads,
                      bench->team);
        }
        seconds = tick_seconds_since(begin);
    }
    free(grads);
    return seconds;
}

static double peak_mb(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : INFINITY;
}

static void print_parts(const struct bench *bench, double step)
{
    for (size_t i = 0; i < PART_COUNT; i++)
        printf("  %-14s %7.2f ms  %5.1f %%\n", part_names[i], bench->seconds[i] * 1e3,
               100 * bench->seconds[i] / step);
}

// False: too slow.
static bool run(struct bench *bench, unsigned threads)
{
    bench->team = team_start(threads);
    if (bench->team == NULL ||
        embed_table_init(&bench->table, "item", ROWS, DIM, EMBED_ADAM, NULL) != STATUS_OK)
        exit(EXIT_FAILURE);
    uint64_t begin = tick_ns();
    embed_table_draw(&bench->table, 1, .01, bench->team);
    printf("%u thread%s: %.1f s for the start of %d x %d\n", threads, threads == 1 ? "" : "s",
           tick_seconds_since(begin), ROWS, DIM);
    double drawn = peak_mb(), cold = run_steps(bench, 0), peak = peak_mb();
    double dense = run_dense(bench), seconds = run_steps(bench, STEPS);
    printf("  %.2f ms a step, %.0f documents/s, %.0f rows of %d look-ups touched\n", seconds * 1e3,
           DOCS / seconds, bench->touched, DOCS * LOOKUPS);
    print_parts(bench, seconds);
    printf("  the first %d steps, whose moments are new pages: %.2f ms\n", STEPS, cold * 1e3);
    printf("  dense Adam over the table: %.0f ms, %.0f times a step\n", dense * 1e3,
           dense / seconds);
    if (threads == 1)
        printf("  peak memory after the start %.0f MB, after %d steps %.0f MB\n", drawn, STEPS,
               peak);
    embed_table_fini(&bench->table);
    team_stop(bench->team);
    return dense > 10 * seconds;
}

int main(void)
{
    struct bench bench = {.rows = memory(DOCS * LOOKUPS, sizeof(uint32_t))};
    bool fast = true;
    for (unsigned threads = 1; threads <= 2; threads++)
        fast = run(&bench, threads) && fast;
    double peak = peak_mb();
    printf("peak memory with every row touched: %.0f MB of %d MB%s\n", peak, LIMIT_MB,
           peak <= LIMIT_MB ? "" : ": TOO MUCH");
    if (!fast)
        printf("a step costs more than a tenth of a dense pass: TOO SLOW\n");
    free(bench.rows);
    return peak <= LIMIT_MB && fast ? EXIT_SUCCESS : EXIT_FAILURE;
}
