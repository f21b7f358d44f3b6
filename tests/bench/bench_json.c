// A request of 100 candidates with 136 numbers each, read by json_read and by the tree parser.
#include "base/rng.h"
#include "proto/json_read.h"
#include "proto/json_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CANDIDATES = 100, FEATURES = 136, REPEATS = 300, BODY_BYTES = 1 << 20 };

struct bench {
    struct json_reader *reader;
    struct arena arena;
    struct buf body;
    size_t size;
};

static void make_body(struct buf *body)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    buf_text(body, "{\"id\":\"r-1\",\"candidates\":[");
    for (unsigned i = 0; i < CANDIDATES; i++) {
        buf_printf(body, "%s{\"id\":\"a%u\",\"bid\":1.25,\"features\":{\"f\":[", i == 0 ? "" : ",",
                   i);
        for (unsigned k = 0; k < FEATURES; k++)
            buf_printf(body, "%s%.6g", k == 0 ? "" : ",", rng_uniform(&rng) * 10);
        buf_text(body, "]}}");
    }
    buf_text(body, "]}");
}

static double read_request(struct bench *bench)
{
    static const struct row_field field = {{"f", 1}, ROW_ITEM, ROW_DENSE, FEATURES, 0, false, 0};
    static const struct row_layout layout = {&field, 1, 0, FEATURES};
    static const struct rank_limits limits = {1000, false};
    struct rank_request request;
    struct diag diag;
    arena_reset(&bench->arena);
    if (json_read_rank(bench->reader, bench->body.data, bench->size, &layout, &limits,
                       &bench->arena, &request, &diag) != STATUS_OK)
        abort();
    return request.items[request.count * FEATURES - 1];
}

static double read_tree(struct bench *bench)
{
    struct json_value *tree;
    if (json_value_parse((struct span){bench->body.data, bench->size}, &tree, NULL) != STATUS_OK)
        abort();
    double size = (double)json_value_size(json_value_get(tree, "candidates"));
    json_value_free(tree);
    return size;
}

static int by_time(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

// Of this thread alone: neighbours on the machine do not count.
static uint64_t cpu_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
        abort();
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Median in microseconds of processor time.
static double measure(struct bench *bench, double (*work)(struct bench *))
{
    static uint64_t times[REPEATS];
    volatile double sink = 0;
    for (unsigned i = 0; i < REPEATS; i++) {
        uint64_t start = cpu_ns();
        sink = sink + work(bench);
        times[i] = cpu_ns() - start;
    }
    qsort(times, REPEATS, sizeof(times[0]), by_time);
    const size_t middle = REPEATS / 2;
    return (double)times[middle] / 1000.0;
}

int main(void)
{
    struct bench bench = {.reader = json_read_new(BODY_BYTES)};
    buf_init(&bench.body, BODY_BYTES);
    make_body(&bench.body);
    bench.size = bench.body.size;
    if (bench.reader == NULL || arena_init(&bench.arena, 8 << 20) != STATUS_OK ||
        buf_reserve(&bench.body, JSON_READ_PADDING) != STATUS_OK)
        return 1;
    double request = measure(&bench, read_request), tree = measure(&bench, read_tree);
    printf("body %zu bytes, %d candidates x %d numbers, median of %d\n", bench.size, CANDIDATES,
           FEATURES, REPEATS);
    printf("json_read_rank   %8.1f us\n", request);
    printf("json_value_parse %8.1f us  %.1f times as long\n", tree, tree / request);
    json_read_free(bench.reader);
    arena_fini(&bench.arena);
    buf_fini(&bench.body);
    return 0;
}
