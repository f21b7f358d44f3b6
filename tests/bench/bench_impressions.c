// How fast impressions are read: pages of 10 items with a history of 50, as JSONL by one thread and
// by two, and as the binary image that is made of them, in the same run. Every way adds up all
// cells of all lists, and all give the same sum. Then how much memory is resident while an image is
// streamed, with and without dataset_release.
#include "base/file.h"
#include "base/rng.h"
#include "base/tick.h"
#include "base/yamldoc.h"
#include "model/train/dataset_image.h"
#include "model/train/dataset_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BENCH_PAGES = 60000, BENCH_ITEMS = 10, BENCH_HISTORY = 50, BENCH_ROUNDS = 3 };

static const char features[] =
    "- {name: user_id, scope: user, kind: id, buckets: 100000, dim: 8}\n"
    "- {name: history, scope: user, kind: id_list, table: item_id, max_len: 50}\n"
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 4}\n"
    "- {name: item_id, scope: item, kind: id, buckets: 50000, dim: 8}\n"
    "- {name: category, scope: item, kind: id, buckets: 100, dim: 4}\n"
    "- {name: f, scope: item, kind: dense, size: 8}\n"
    "- {name: position, scope: item, kind: id, encode: identity, buckets: 20, dim: 4, "
    "privileged: true}\n";

static void bench_check(enum status code, const struct diag *diag)
{
    char text[1024];
    if (code == STATUS_OK)
        return;
    fprintf(stderr, "%s\n", diag_format(diag, text, sizeof(text)));
    exit(1);
}

static void bench_write(const char *path)
{
    struct file_writer file;
    struct diag diag = {0};
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    bench_check(file_writer_open(&file, path, &diag), &diag);
    for (unsigned i = 0; i < BENCH_PAGES; i++) {
        file_writer_printf(&file, "{\"id\":\"p%u\",\"ts\":%u,\"user\":{\"user_id\":\"u%u\",", i,
                           1700000000 + i, (unsigned)rng_below(&rng, 20000));
        file_writer_printf(&file, "\"history\":[");
        for (unsigned k = 0; k < BENCH_HISTORY; k++)
            file_writer_printf(&file, "%s\"i%u\"", k > 0 ? "," : "",
                               (unsigned)rng_below(&rng, 5000));
        file_writer_printf(&file, "]},\"context\":{\"hour\":%u},\"candidates\":[", i % 24);
        for (unsigned d = 0; d < BENCH_ITEMS; d++) {
            file_writer_printf(&file,
                               "%s{\"id\":\"c%u\",\"features\":{\"item_id\":\"i%u\","
                               "\"category\":\"k%u\",\"f\":[",
                               d > 0 ? "," : "", d, (unsigned)rng_below(&rng, 5000),
                               (unsigned)rng_below(&rng, 20));
            for (unsigned k = 0; k < 8; k++)
                file_writer_printf(&file, "%s%.6g", k > 0 ? "," : "", rng_uniform(&rng));
            file_writer_printf(&file, "]},\"privileged\":{\"position\":%u},\"label\":%u}", d,
                               rng_below(&rng, 20) == 0);
        }
        file_writer_printf(&file, "]}\n");
    }
    bench_check(file_writer_commit(&file, &diag), &diag);
}

static uint64_t bench_add(uint64_t sum, const union row_cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum += cells[i].id;
    return sum;
}

static enum status bench_sink(void *context, const struct pack *pack, struct diag *reterr)
{
    (void)reterr;
    uint64_t *sum = context;
    *sum =
        bench_add(*sum, (const void *)pack->cells.data, pack->cells.size / sizeof(union row_cell));
    return STATUS_OK;
}

static double bench_parse(const struct shards *shards, const struct schema *schema,
                          unsigned threads, uint64_t *ret_sum)
{
    double least = 1e9;
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        const struct impressions_options how = {.schema = schema, .threads = threads};
        struct impressions_totals totals;
        struct diag diag = {0};
        *ret_sum = 0;
        const uint64_t start_ns = tick_ns();
        bench_check(impressions_read(shards, &how, bench_sink, ret_sum, &totals, &diag), &diag);
        const double seconds = tick_seconds_since(start_ns);
        least = seconds < least ? seconds : least;
    }
    return least;
}

static uint64_t bench_lists(const struct dataset *data, size_t begin, size_t end, uint64_t sum)
{
    for (size_t i = begin; i < end; i++) {
        const size_t docs = (size_t)(data->offset[i + 1] - data->offset[i]);
        sum = bench_add(sum, dataset_shared(data, i), data->shared_cells + docs * data->columns);
    }
    return sum;
}

// `open`: with opening and checking the image; else an epoch over one that is open.
static double bench_image(const char *path, bool open, uint64_t *ret_sum)
{
    double least = 1e9;
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        struct dataset data;
        struct dataset_image_header header;
        struct diag diag = {0};
        uint64_t start_ns = tick_ns();
        bench_check(dataset_image_map(path, &data, &header, &diag), &diag);
        if (!open)
            start_ns = tick_ns();
        *ret_sum = bench_lists(&data, 0, data.lists, 0);
        const double seconds = tick_seconds_since(start_ns);
        least = seconds < least ? seconds : least;
        dataset_close(&data);
    }
    return least;
}

static double bench_resident(void)
{
    char text[128] = "";
    unsigned long pages[2] = {0, 0};
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fgets(text, sizeof(text), file) == NULL)
        return 0;
    fclose(file);
    char *at = text;
    for (int i = 0; i < 2; i++)
        pages[i] = strtoul(at, &at, 10);
    return (double)pages[1] * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

// Most that is resident while all lists are read, beyond what was before.
static double bench_stream(const char *path, bool release)
{
    enum { STEP = 1024 };
    struct dataset data;
    struct dataset_image_header header;
    struct diag diag = {0};
    double most = 0;
    uint64_t sum = 0;
    const double before = bench_resident();
    bench_check(dataset_image_map(path, &data, &header, &diag), &diag);
    for (size_t i = 0; i < data.lists; i += STEP) {
        const size_t end = i + STEP < data.lists ? i + STEP : data.lists;
        sum = bench_lists(&data, i, end, sum);
        const double now = bench_resident() - before;
        most = now > most ? now : most;
        if (release)
            dataset_release(&data, i, end);
    }
    dataset_close(&data);
    return sum == 0 ? 0 : most;
}

static void bench_all(const char *folder, const struct schema *schema)
{
    char *text = file_join(folder, "log.jsonl"), *image = file_join(folder, "log.ctr");
    struct shards shards;
    struct dataset data;
    struct impressions_totals totals;
    struct diag diag = {0};
    uint64_t sums[4];
    bench_write(text);
    bench_check(shards_init(&shards, text, &diag), &diag);
    const double size = (double)shards.source.size_bytes / 1e6;
    const double one = bench_parse(&shards, schema, 1, &sums[0]);
    const double two = bench_parse(&shards, schema, 2, &sums[1]);
    const struct dataset_options options = {.schema = schema};
    const uint64_t start_ns = tick_ns();
    bench_check(dataset_log_write(&shards, &options, image, &data, &totals, &diag), &diag);
    const double made = tick_seconds_since(start_ns);
    dataset_close(&data);
    const double opened = bench_image(image, true, &sums[2]);
    const double epoch = bench_image(image, false, &sums[3]);
    if (sums[0] != sums[1] || sums[0] != sums[2] || sums[0] != sums[3])
        exit(1); // not the same cells: the figures mean nothing
    printf("%.0f MB of JSONL, %d pages of %d items\n", size, BENCH_PAGES, BENCH_ITEMS);
    printf("%-34s %8.1f ms  %6.0f MB/s\n", "JSONL, one thread", one * 1e3, size / one);
    printf("%-34s %8.1f ms  %6.0f MB/s\n", "JSONL, two threads", two * 1e3, size / two);
    printf("%-34s %8.1f ms  %6.0f MB/s\n", "JSONL to an image", made * 1e3, size / made);
    printf("%-34s %8.1f ms  ratio %.1f to two threads\n", "image, opened, checked, read",
           opened * 1e3, two / opened);
    printf("%-34s %8.1f ms  ratio %.1f to two threads\n", "image, an epoch", epoch * 1e3,
           two / epoch);
    const double flat = bench_stream(image, true), all = bench_stream(image, false);
    printf("resident while an epoch is read: %.1f MB with dataset_release, %.1f MB without\n", flat,
           all);
    shards_fini(&shards);
    unlink(text);
    unlink(image);
    free(text);
    free(image);
}

int main(void)
{
    char folder[] = "/tmp/bench_impressions.XXXXXX";
    struct yamldoc *doc = NULL;
    struct schema schema;
    struct diag diag = {0};
    if (mkdtemp(folder) == NULL)
        return 1;
    bench_check(
        yamldoc_parse((struct span){features, sizeof(features) - 1}, "features", &doc, &diag),
        &diag);
    bench_check(schema_from_yaml(yamldoc_root(doc), "features", &schema, &diag), &diag);
    bench_all(folder, &schema);
    schema_fini(&schema);
    yamldoc_free(doc);
    rmdir(folder);
    return 0;
}
