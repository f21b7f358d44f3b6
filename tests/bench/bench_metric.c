// What the metrics of a ranked request take, in the order of serve.c, worker.c and http.c:
// nanoseconds a request, the median of many runs. For bench_observe.py, which makes the model.
//
//   bench_metric FILE CANDIDATES
#include "base/num.h"
#include "base/rng.h"
#include "base/tick.h"
#include "model/drift.h"
#include "proto/rank.h"
#include "server/server_metrics.h"
#include "server/version_metrics.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 101, REQUESTS = 200 }; // of a run

struct bench {
    struct checkpoint checkpoint;
    struct server_metrics server;
    struct version_metrics *version;
    struct metric_shard *shard;
    size_t n; // candidates
    float *pctr;
    union row_cell *rows;
    struct drift_outside *outside; // (schema.count)
};

static void need(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "bench_metric: %s\n", what);
    exit(EXIT_FAILURE);
}

// A look at the clock at the begin and after each stage.
static void stages(struct bench *bench)
{
    uint64_t before = tick_ns();
    for (size_t stage = 0; stage < RANK_STAGES; stage++) {
        uint64_t now = tick_ns();
        metric_observe(bench->shard, SERVER_METRICS_STAGE, stage, (double)(now - before) * 1e-9);
        before = now;
    }
}

static void request(struct bench *bench)
{
    metric_add(bench->shard, SERVER_METRICS_UNKNOWN, 0, 0);
    metric_add(bench->shard, SERVER_METRICS_EMPTY_LISTS, 0, 0);
    metric_add(bench->shard, SERVER_METRICS_CUT_LISTS, 0, 0);
    metric_observe(bench->shard, SERVER_METRICS_REQUEST_CANDIDATES, 0, (double)bench->n);
    metric_add(bench->shard, SERVER_METRICS_CANDIDATES, 0, bench->n);
    metric_add(bench->shard, SERVER_METRICS_BELOW_FLOOR, 0, 0);
    version_metrics_answered(bench->version, 0, VERSION_METRICS_RANK, 1e-3);
    server_metrics_answered(bench->shard, route_at(ROUTE_RANK), 200);
}

static void scores(struct bench *bench)
{
    version_metrics_pctr(bench->version, 0, bench->pctr, bench->n);
}

static void ranges(struct bench *bench)
{
    const struct checkpoint *checkpoint = &bench->checkpoint;
    drift_ranges(&checkpoint->schema, checkpoint->ranges, NULL, bench->rows, bench->n,
                 bench->outside);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(struct bench *bench, const char *name, void (*part)(struct bench *bench))
{
    double ns[RUNS];
    for (size_t run = 0; run < RUNS; run++) {
        uint64_t begun = tick_ns();
        for (size_t i = 0; i < REQUESTS; i++)
            part(bench);
        ns[run] = (double)(tick_ns() - begun) / REQUESTS;
    }
    qsort(ns, RUNS, sizeof(ns[0]), ascending);
    printf("%s %.0f\n", name, ns[RUNS / 2]);
}

// Scores as a model gives them, most of them small; numbers within their ranges of 0 to 1.
static void fill(struct bench *bench)
{
    size_t cells = bench->n * bench->checkpoint.schema.row_cells;
    bench->pctr = calloc(bench->n, sizeof(*bench->pctr));
    bench->rows = calloc(cells, sizeof(*bench->rows));
    bench->outside = calloc(bench->checkpoint.schema.count, sizeof(*bench->outside));
    need(bench->pctr != NULL && bench->rows != NULL && bench->outside != NULL, "no memory");
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < bench->n; i++) {
        double x = rng_uniform(&rng);
        bench->pctr[i] = (float)(x * x * x);
    }
    for (size_t i = 0; i < cells; i++)
        bench->rows[i].number = (float)rng_uniform(&rng);
}

int main(int argc, char **argv)
{
    struct diag diag = {0};
    struct bench bench = {.n = 0};
    uint64_t n = 0;
    need(argc == 3 && num_parse_u64(span_of(argv[2]), &n) == STATUS_OK && n > 0,
         "bench_metric FILE CANDIDATES");
    need(checkpoint_load(argv[1], &bench.checkpoint, &diag) == STATUS_OK, "no such model");
    need(bench.checkpoint.ranges != NULL && bench.checkpoint.pctr.bins > 0,
         "the model has no ranges or no histogram");
    need(server_metrics_init(&bench.server, 1) == STATUS_OK, "no memory");
    bench.version = version_metrics_new(&bench.checkpoint, 1);
    need(bench.version != NULL, "no memory");
    bench.shard = metric_shard(bench.server.set, 0);
    bench.n = (size_t)n;
    fill(&bench);
    tell(&bench, "stages", stages);
    tell(&bench, "counters", request);
    tell(&bench, "scores", scores);
    tell(&bench, "ranges", ranges);
    free(bench.outside);
    free(bench.rows);
    free(bench.pctr);
    version_metrics_free(bench.version);
    server_metrics_fini(&bench.server);
    checkpoint_fini(&bench.checkpoint);
    return EXIT_SUCCESS;
}
