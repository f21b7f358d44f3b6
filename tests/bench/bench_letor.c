// How fast LETOR text is read: 136 features a line as MSLR has them, in memory, one core. The peer
// is the plain way of the C library (strtoul, strtod) over the same text in the same run.
#include "base/file.h"
#include "base/tick.h"
#include "model/train/dataset.h"
#include "model/train/letor.h"
#include "model/train/synth_letor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BENCH_LISTS = 400, BENCH_ROUNDS = 5 };

static enum status add_values(void *context, const struct letor_doc *doc, struct diag *reterr)
{
    (void)reterr;
    *(double *)context += (double)doc->values[doc->width - 1] + (double)doc->grade;
    return STATUS_OK;
}

static double ours(const struct file_bytes *text, double *ret_sum)
{
    struct letor *letor;
    struct diag diag;
    *ret_sum = 0;
    const struct letor_config config = {"bench", 136, 0, add_values, ret_sum};
    if (letor_new(&config, &letor) != STATUS_OK)
        abort();
    uint64_t start_ns = tick_ns();
    if (letor_feed(letor, (const char *)text->data, text->size, &diag) != STATUS_OK)
        abort();
    double seconds = tick_seconds_since(start_ns);
    letor_free(letor);
    return seconds;
}

static double peer(const struct file_bytes *text, double *ret_sum)
{
    uint64_t start_ns = tick_ns();
    char *at = (char *)text->data, *end = at + text->size;
    *ret_sum = 0;
    while (at < end) {
        float row[136] = {0};
        double grade = strtod(at, &at);
        strtoul(at + strlen(" qid:"), &at, 10);
        while (*at == ' ') {
            unsigned long number = strtoul(at, &at, 10);
            row[number - 1] = (float)strtod(at + 1, &at);
        }
        at++;
        *ret_sum += (double)row[135] + grade;
    }
    return tick_seconds_since(start_ns);
}

static double best(double (*run)(const struct file_bytes *, double *),
                   const struct file_bytes *text, double *ret_sum)
{
    double least = 1e9;
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        double seconds = run(text, ret_sum);
        least = seconds < least ? seconds : least;
    }
    return least;
}

static void open_twice(const char *path, const char *cache, double megabytes)
{
    for (int i = 0; i < 2; i++) {
        const struct dataset_options options = {.cache_path = cache};
        struct dataset dataset;
        uint64_t start_ns = tick_ns();
        if (dataset_open(path, &options, &dataset, NULL) != STATUS_OK)
            abort();
        double seconds = tick_seconds_since(start_ns);
        printf("%-28s %8.1f ms  %7.0f MB/s of text\n",
               i == 0 ? "file to cache" : "cache opened and checked", seconds * 1e3,
               megabytes / seconds);
        dataset_close(&dataset);
    }
}

int main(void)
{
    char folder[] = "/tmp/bench_letor.XXXXXX";
    const struct synth_letor_config config = synth_letor_defaults();
    struct synth_letor *synth;
    struct file_bytes text;
    struct diag diag;
    if (mkdtemp(folder) == NULL || synth_letor_new(&config, &synth, &diag) != STATUS_OK)
        return 1;
    char *path = file_join(folder, "data"), *truth = file_join(folder, "truth");
    char *cache = file_join(folder, "cache");
    uint64_t start_ns = tick_ns();
    if (synth_letor_write(synth, path, truth, BENCH_LISTS, 1, NULL, &diag) != STATUS_OK ||
        file_read(path, 1 << 30, 1, &text, &diag) != STATUS_OK)
        return 1;
    double made = tick_seconds_since(start_ns), megabytes = (double)text.size / 1e6, a, b;
    double fast = best(ours, &text, &a), slow = best(peer, &text, &b);
    printf("%.1f MB of text, %.1f MB/s made\n", megabytes, megabytes / made);
    printf("%-28s %8.1f ms  %7.0f MB/s\n", "letor_feed", fast * 1e3, megabytes / fast);
    printf("%-28s %8.1f ms  %7.0f MB/s  ratio %.2f\n", "strtod", slow * 1e3, megabytes / slow,
           slow / fast);
    open_twice(path, cache, megabytes);
    unlink(path);
    unlink(truth);
    unlink(cache);
    rmdir(folder);
    free(path);
    free(truth);
    free(cache);
    file_free(&text);
    synth_letor_free(synth);
    return a == b ? 0 : 1; // not the same numbers: the figures mean nothing
}
