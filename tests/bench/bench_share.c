// What it saves to compute once what candidates share: a user's history, the first layer's slice of
// user and context. A request of many candidates through serve_rank, beside
//
//   singles  as many requests of one candidate with the same user, and
//   apart    one parse, then every candidate featurised and scored by itself
//
// in windows in turn; ratios with their 95 % interval (Student's t on the logarithm), and the same
// against itself (A/A). The pctr of every candidate must be the same to the bit in all three. For
// bench_share.py, which makes model and requests:
//
//   bench_share MODELDIR REQUESTS   a line a request: the whole, then its candidates one by one
#include "base/log.h"
#include "base/tick.h"
#include "server/lifecycle.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "tests/support/need.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAIRS = 20, MAX_REQUESTS = 1001, STAGES = 3 };
static const double t95 = 2.093; // Student's t, 19 degrees of freedom

struct body {
    char *text; // JSON_READ_PADDING readable bytes follow
    size_t size;
};

struct share {
    struct registry *registry;
    struct lifecycle *lifecycle;
    const struct registry_version *version; // the only one
    struct server_metrics metrics;
    struct serve serve;
    struct serve_limits limits;
    struct buf reply;
    struct body bodies[MAX_REQUESTS]; // (count) the whole, then the singles
    size_t count;
    struct arena arena; // of what is scored without serve
    struct rank_request request;
    float *logit, *pctr; // (candidates)
    uint64_t stage_ns[STAGES];
};

static void read_bodies(struct share *share, const char *path)
{
    FILE *file = fopen(path, "re");
    size_t room = 0;
    struct diag diag = {0};
    if (file == NULL)
        need(diag_errno(&diag, path, "cannot open"), &diag);
    for (char *line = NULL; share->count < MAX_REQUESTS && getline(&line, &room, file) > 0;) {
        struct body *body = &share->bodies[share->count++];
        body->size = strcspn(line, "\n");
        body->text = calloc(body->size + JSON_READ_PADDING, 1);
        if (body->text == NULL)
            need(STATUS_NO_MEMORY, &diag);
        memcpy(body->text, line, body->size);
    }
    fclose(file);
}

static const struct scorer *scorer_of(const struct share *share)
{
    return &share->version->scorer;
}

static void open_model(struct share *share, const char *folder)
{
    struct diag diag = {0};
    struct lifecycle_parts parts = {.readers = 1};
    struct lifecycle_plan plan;
    need(kernels_choose("auto", &parts.kernels, &diag), &diag);
    need(lifecycle_plan_one(folder, "", &plan, &diag), &diag);
    share->registry = registry_new(1);
    if (share->registry == NULL)
        need(STATUS_NO_MEMORY, &diag);
    need(lifecycle_start(share->registry, &plan, &parts, &share->lifecycle, &diag), &diag);
    lifecycle_plan_fini(&plan);
    share->version = registry_pin(share->registry, 0)->models[0].current;
    registry_unpin(share->registry, 0); // nobody replaces it
}

static void open_all(struct share *share, char **argv)
{
    struct diag diag = {0};
    size_t bytes = 0;
    read_bodies(share, argv[2]);
    share->limits =
        (struct serve_limits){.max_body_bytes = 4 << 20, .rank = {.max_candidates = MAX_REQUESTS}};
    open_model(share, argv[1]);
    need(server_metrics_init(&share->metrics, 1), &diag);
    need(serve_init(&share->serve, &share->limits, share->registry, 0,
                    metric_shard(share->metrics.set, 0)),
         &diag);
    buf_init(&share->reply, serve_max_reply_bytes(&share->limits));
    if (!scorer_bytes(scorer_of(share), MAX_REQUESTS, &bytes))
        need(STATUS_TOO_LARGE, &diag);
    need(arena_init(&share->arena, bytes + (16 << 20)), &diag);
    share->logit = calloc(MAX_REQUESTS, sizeof(float));
    share->pctr = calloc(MAX_REQUESTS, sizeof(float));
    if (share->logit == NULL || share->pctr == NULL)
        need(STATUS_NO_MEMORY, &diag);
}

static void close_all(struct share *share)
{
    for (size_t i = 0; i < share->count; i++)
        free(share->bodies[i].text);
    free(share->logit);
    free(share->pctr);
    arena_fini(&share->arena);
    buf_fini(&share->reply);
    serve_fini(&share->serve);
    server_metrics_fini(&share->metrics);
    lifecycle_stop(share->lifecycle);
    lifecycle_free(share->lifecycle);
    registry_free(share->registry);
}

// ---- the three ways

static void ask(struct share *share, const struct body *body)
{
    struct serve_facts facts = {.version = 0};
    const struct serve_call call = {
        .body = body->text, .size = body->size, .arrival_ns = tick_ns(), .facts = &facts};
    struct diag diag = {0};
    buf_clear(&share->reply);
    enum status code = serve_rank(&share->serve, &call, &share->reply);
    if (code != STATUS_OK)
        need(diag_set(&diag, code, "%s", buf_view(&share->reply).data), &diag);
}

static void run_whole(struct share *share)
{
    ask(share, &share->bodies[0]);
}

static void run_singles(struct share *share)
{
    for (size_t i = 1; i < share->count; i++)
        ask(share, &share->bodies[i]);
}

static void parse(struct share *share)
{
    const struct body *body = &share->bodies[0];
    struct diag diag = {0};
    arena_reset(&share->arena);
    need(json_read_rank(share->serve.reader_json, body->text, body->size, &share->version->layout,
                        &share->limits.rank, &share->arena, &share->request, &diag),
         &diag);
}

// Candidates `first` .. first + n - 1 of the request that was parsed; `featurised` gets the time
// between the two stages.
static void score(struct share *share, size_t first, size_t n, uint64_t *featurised_ns)
{
    const struct scorer *scorer = scorer_of(share);
    const size_t mark = arena_mark(&share->arena);
    struct scorer_input input;
    const struct diag diag = {0};
    const size_t width = scorer->checkpoint.schema.row_cells;
    need(scorer_featurise(scorer, share->request.shared, share->request.items + first * width, n,
                          &share->arena, &input),
         &diag);
    *featurised_ns = tick_ns();
    need(scorer_logits(scorer, &input, n, &share->arena, share->logit + first), &diag);
    arena_rewind(&share->arena, mark);
}

static void run_apart(struct share *share)
{
    uint64_t ignored;
    const struct diag diag = {0};
    parse(share);
    for (size_t i = 0; i < share->request.count; i++)
        score(share, i, 1, &ignored);
    need(calibrate_apply(&scorer_of(share)->checkpoint.calibrate, share->logit,
                         share->request.count, share->pctr),
         &diag);
}

// ---- bits

// The text of the pctr of candidate `i`: shortest decimals, so equal text is equal bits.
static struct span pctr_text(const struct share *share, size_t i)
{
    const struct span id = share->request.candidates[i].id;
    const char *reply = buf_view(&share->reply).data;
    struct buf key;
    buf_init(&key, RANK_MAX_ID_BYTES + 16);
    buf_text(&key, "\"id\":\"");
    buf_span(&key, id);
    buf_char(&key, '"');
    const char *at = strstr(reply, buf_view(&key).data);
    at = at == NULL ? NULL : strstr(at, "\"pctr\":");
    buf_fini(&key);
    if (at == NULL) {
        fprintf(stderr, "bench_share: candidate %zu is not in the reply\n", i);
        exit(EXIT_FAILURE);
    }
    at += strlen("\"pctr\":");
    return (struct span){at, strcspn(at, ",}")};
}

static void check_bits(struct share *share)
{
    char expected[MAX_REQUESTS][32];
    size_t n, differ = 0;
    run_apart(share);
    n = share->request.count;
    for (size_t i = 0; i < n; i++)
        *json_read_print_float(expected[i], share->pctr[i]) = '\0';
    run_whole(share);
    for (size_t i = 0; i < n; i++)
        differ += !span_is(pctr_text(share, i), expected[i]);
    for (size_t i = 0; i < n; i++) {
        ask(share, &share->bodies[1 + i]);
        differ += !span_is(pctr_text(share, i), expected[i]);
    }
    printf("bits of pctr, whole and singles against apart: %zu of %zu differ\n", differ, 2 * n);
    if (differ > 0 || n + 1 != share->count)
        exit(EXIT_FAILURE);
}

// ---- time

typedef void (*way)(struct share *share);

static double seconds_of(struct share *share, way run, size_t times)
{
    const uint64_t begin = tick_ns();
    for (size_t i = 0; i < times; i++)
        run(share);
    return tick_seconds_since(begin) / (double)times;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Windows of both ways in turn; a line of the table.
static void print_pair(struct share *share, const char *name, way run, size_t times)
{
    double whole[PAIRS], other[PAIRS], log_ratio[PAIRS], mean = 0, squares = 0;
    seconds_of(share, run_whole, 20);
    seconds_of(share, run, times);
    for (size_t i = 0; i < PAIRS; i++) {
        if (i % 2 == 0)
            other[i] = seconds_of(share, run, times);
        whole[i] = seconds_of(share, run_whole, 20);
        if (i % 2 == 1)
            other[i] = seconds_of(share, run, times);
        log_ratio[i] = log(other[i] / whole[i]);
        mean += log_ratio[i] / PAIRS;
    }
    for (size_t i = 0; i < PAIRS; i++)
        squares += (log_ratio[i] - mean) * (log_ratio[i] - mean);
    const double half = t95 * sqrt(squares / (PAIRS - 1) / PAIRS);
    qsort(whole, PAIRS, sizeof(*whole), compare);
    qsort(other, PAIRS, sizeof(*other), compare);
    printf("| %s | %.0f | %.0f | %.2f | %.2f to %.2f |\n", name, whole[PAIRS / 2] * 1e6,
           other[PAIRS / 2] * 1e6, exp(mean), exp(mean - half), exp(mean + half));
}

// Medians of the stages of the whole request.
static void print_stages(struct share *share)
{
    enum { TIMES = 200 };
    static double took[STAGES][TIMES];
    static const char *const names[STAGES] = {"parse", "featurise", "score"};
    for (size_t i = 0; i < TIMES; i++) {
        uint64_t begin = tick_ns(), parsed, featurised;
        parse(share);
        parsed = tick_ns();
        score(share, 0, share->request.count, &featurised);
        took[2][i] = (double)(tick_ns() - featurised);
        took[1][i] = (double)(featurised - parsed);
        took[0][i] = (double)(parsed - begin);
    }
    printf("\n| stage | us, median |\n| --- | --: |\n");
    for (size_t k = 0; k < STAGES; k++) {
        qsort(took[k], TIMES, sizeof(double), compare);
        printf("| %s | %.0f |\n", names[k], took[k][TIMES / 2] / 1e3);
    }
}

int main(int argc, char **argv)
{
    static struct share share;
    if (argc != 3)
        return EXIT_FAILURE;
    log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    open_all(&share, argv);
    check_bits(&share);
    printf("%zu candidates, %zu bytes, %s kernels; %d pairs of windows\n\n", share.request.count,
           share.bodies[0].size, scorer_of(&share)->kernels->name, PAIRS);
    printf("| the other way | whole, us | the other, us | ratio | 95 %% interval |\n");
    printf("| --- | --: | --: | --: | --- |\n");
    print_pair(&share, "requests of one candidate", run_singles, 2);
    print_pair(&share, "one parse, candidates apart", run_apart, 2);
    print_pair(&share, "the whole once more (A/A)", run_whole, 20);
    print_stages(&share);
    close_all(&share);
    return EXIT_SUCCESS;
}
