// Requests read by json_read, the tree parser beside it: 100 candidates of 136 numbers each; a user
// with 50 clicked items and 200 candidates of 4 ids and 3 numbers each, which is also read as a
// record of training data.
#include "base/rng.h"
#include "proto/json_read.h"
#include "proto/json_value.h"
#include "proto/row_code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CANDIDATES = 100,
    FEATURES = 136,
    PAGE = 200,
    HISTORY = 50,
    BUCKETS = 1000000,
    REPEATS = 300,
    BODY_BYTES = 1 << 20,
    PAGE_FIELDS = 10
};

struct bench {
    struct json_reader *reader;
    struct arena arena;
    struct buf body;
    size_t size;
    struct row_field fields[PAGE_FIELDS];
    struct row_cross cross;
    struct row_layout page;
};

static void make_numbers(struct buf *body)
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

static unsigned make_id(struct rng *rng)
{
    return 9000000 + (unsigned)(rng_uniform(rng) * BUCKETS);
}

static void make_page(struct buf *body)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 1, 0);
    buf_text(body, "{\"id\":\"r-1\",\"user\":{\"user_id\":\"u17\",\"history\":[");
    for (unsigned i = 0; i < HISTORY; i++)
        buf_printf(body, "%s\"%u\"", i == 0 ? "" : ",", make_id(&rng));
    buf_text(body, "]},\"context\":{\"hour\":17},\"candidates\":[");
    for (unsigned i = 0; i < PAGE; i++) {
        buf_printf(body, "%s{\"id\":\"a%u\",\"features\":{", i == 0 ? "" : ",", i);
        buf_printf(body, "\"item_id\":\"%u\",\"brand\":\"b%u\",\"category\":\"%u\",\"shop\":%u,",
                   make_id(&rng), make_id(&rng), i % 20, make_id(&rng));
        buf_printf(body, "\"price\":%.2f,\"rating\":%.3g,\"age_days\":%u}}",
                   rng_uniform(&rng) * 100, rng_uniform(&rng) * 5, i % 365);
    }
    buf_text(body, "]}");
}

static struct row_field make_field(const char *name, enum row_scope scope, enum row_kind kind,
                                   uint32_t size, uint32_t offset)
{
    return (struct row_field){
        .name = span_of(name),
        .scope = scope,
        .kind = kind,
        .size = size,
        .offset = offset,
        .coding = {.encode = ROW_HASH, .buckets = BUCKETS, .seed = row_code_seed(span_of(name))},
        .keep = ROW_KEEP_NONE};
}

static void make_layout(struct bench *bench)
{
    const struct row_field fields[PAGE_FIELDS] = {
        make_field("user_id", ROW_USER, ROW_ID, 1, 0),
        make_field("history", ROW_USER, ROW_IDS, HISTORY, 1),
        make_field("hour", ROW_CONTEXT, ROW_ID, 1, HISTORY + 1),
        make_field("item_id", ROW_ITEM, ROW_ID, 1, 0),
        make_field("brand", ROW_ITEM, ROW_ID, 1, 1),
        make_field("category", ROW_ITEM, ROW_ID, 1, 2),
        make_field("shop", ROW_ITEM, ROW_ID, 1, 3),
        make_field("price", ROW_ITEM, ROW_DENSE, 1, 4),
        make_field("rating", ROW_ITEM, ROW_DENSE, 1, 5),
        make_field("age_days", ROW_ITEM, ROW_DENSE, 1, 6),
    };
    memcpy(bench->fields, fields, sizeof(fields));
    for (unsigned i = 0; i < PAGE_FIELDS; i++)
        bench->fields[i].feature = (uint16_t)i;
    bench->fields[0].keep = bench->fields[3].keep = 0;
    bench->cross = (struct row_cross){
        .item = true, .offset = 7, .b_item = true, .coding = bench->fields[0].coding};
    bench->page = (struct row_layout){.fields = bench->fields,
                                      .field_count = PAGE_FIELDS,
                                      .feature_count = PAGE_FIELDS,
                                      .crosses = &bench->cross,
                                      .cross_count = 1,
                                      .shared_width = HISTORY + 2,
                                      .item_width = 8,
                                      .shared_keeps = 1,
                                      .item_keeps = 1};
}

static double read_request(struct bench *bench, const struct row_layout *layout)
{
    static const struct rank_limits limits = {.max_candidates = 1000, .unknown_ignore = false};
    struct rank_request request;
    arena_reset(&bench->arena);
    if (json_read_rank(bench->reader, bench->body.data, bench->size, layout, &limits, &bench->arena,
                       &request, NULL) != STATUS_OK)
        abort();
    return (double)request.items[request.count * layout->item_width - 1].id;
}

static double read_numbers(struct bench *bench)
{
    static const struct row_field field = {.name = {"f", 1},
                                           .scope = ROW_ITEM,
                                           .kind = ROW_DENSE,
                                           .size = FEATURES,
                                           .keep = ROW_KEEP_NONE};
    static const struct row_layout layout = {
        .fields = &field, .field_count = 1, .feature_count = 1, .item_width = FEATURES};
    return read_request(bench, &layout);
}

static double read_page(struct bench *bench)
{
    return read_request(bench, &bench->page);
}

static void tell(void *context, const char *path)
{
    (void)path;
    ++*(unsigned *)context;
}

static double read_lines(struct bench *bench, const struct row_layout *layout)
{
    static unsigned told;
    static const struct record_limits limits = {.max_candidates = 1000,
                                                .group_name = {"user_id", 7},
                                                .unknown = tell,
                                                .unknown_context = &told};
    struct record record;
    arena_reset(&bench->arena);
    if (json_read_record(bench->reader, (struct span){bench->body.data, bench->size}, layout,
                         &limits, &bench->arena, &record, NULL) != STATUS_OK)
        abort();
    return (double)record.items[record.count * layout->item_width - 1].id;
}

static double read_record(struct bench *bench)
{
    return read_lines(bench, &bench->page);
}

// The last five fields of a candidate are no features.
static double read_ignored(struct bench *bench)
{
    struct row_layout layout = bench->page;
    layout.field_count -= 5;
    return read_lines(bench, &layout);
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

// Prints and returns the median in microseconds of processor time.
static double measure(struct bench *bench, const char *name, double (*work)(struct bench *))
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
    double us = (double)times[middle] / 1000.0;
    printf("%-16s %8.1f us %8.0f MB/s\n", name, us, (double)bench->size / us);
    return us;
}

static void make_body(struct bench *bench, void (*make)(struct buf *))
{
    buf_clear(&bench->body);
    make(&bench->body);
    bench->size = bench->body.size;
    if (buf_reserve(&bench->body, JSON_READ_PADDING) != STATUS_OK)
        abort();
}

int main(void)
{
    static struct bench bench;
    bench.reader = json_read_new(BODY_BYTES);
    buf_init(&bench.body, BODY_BYTES);
    make_layout(&bench);
    if (bench.reader == NULL || arena_init(&bench.arena, 8 << 20) != STATUS_OK)
        return 1;
    make_body(&bench, make_numbers);
    printf("body %zu bytes, %d candidates x %d numbers, median of %d\n", bench.size, CANDIDATES,
           FEATURES, REPEATS);
    double request = measure(&bench, "json_read_rank", read_numbers);
    double tree = measure(&bench, "json_value_parse", read_tree);
    printf("%.1f times as long\n", tree / request);
    make_body(&bench, make_page);
    printf("body %zu bytes, history of %d, %d candidates x (4 ids, 3 numbers, a cross)\n",
           bench.size, HISTORY, PAGE);
    request = measure(&bench, "json_read_rank", read_page);
    measure(&bench, "json_read_record", read_record);
    measure(&bench, "  5 ignored", read_ignored);
    tree = measure(&bench, "json_value_parse", read_tree);
    printf("%.1f times as long\n", tree / request);
    json_read_free(bench.reader);
    arena_fini(&bench.arena);
    buf_fini(&bench.body);
    return 0;
}
