// Nanoseconds a document of every loss with its gradient: minibatches of 1,024 documents, lists of
// 8, 22 and 200. Beside them one exp and one log1p of the C library, which a loss is made of.
#include "base/rng.h"
#include "base/tick.h"
#include "model/train/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOCS = 1024, STEPS = 50, ROUNDS = 7 };
static const size_t sizes[] = {8, 22, 200};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

struct bench {
    struct loss_config config;
    struct loss_batch batch;
    struct loss_scratch scratch;
    float student[DOCS], teacher[DOCS], label[DOCS], grad[DOCS], grad_shallow[DOCS];
    uint64_t offset[DOCS + 1];
    uint32_t order[DOCS];
    double first[DOCS], second[DOCS];
    double sum; // keeps what is measured alive
};

static void fill(struct bench *bench)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < DOCS; i++) {
        bench->student[i] = (float)(rng_normal(&rng) - 2);
        bench->teacher[i] = (float)(rng_normal(&rng) - 2);
        bench->label[i] = (float)(rng_below(&rng, 8) == 0);
    }
    bench->batch = (struct loss_batch){
        .offset = bench->offset, .label = bench->label, .student = bench->student};
    bench->scratch = (struct loss_scratch){bench->order, bench->first, bench->second};
}

static void cut(struct bench *bench, size_t size)
{
    size_t lists = 0;
    for (size_t begin = 0; begin < DOCS; begin += size)
        bench->offset[lists++] = begin;
    bench->offset[lists] = DOCS;
    bench->batch.lists = lists;
}

static void run_loss(struct bench *bench)
{
    struct loss_value value;
    if (loss_minibatch(&bench->config, &bench->batch, &bench->scratch, bench->grad,
                       bench->grad_shallow, &value) != STATUS_OK)
        exit(EXIT_FAILURE);
    bench->sum += value.total;
}

static void run_exp(struct bench *bench)
{
    for (size_t i = 0; i < DOCS; i++)
        bench->sum += exp((double)bench->student[i]);
}

static void run_log1p(struct bench *bench)
{
    for (size_t i = 0; i < DOCS; i++)
        bench->sum += log1p((double)bench->label[i]);
}

// Nanoseconds a document, the best of some rounds: other work on the machine only adds.
static double best(struct bench *bench, void (*run)(struct bench *))
{
    double least = INFINITY;
    for (size_t round = 0; round < ROUNDS; round++) {
        const uint64_t begin = tick_ns();
        for (size_t i = 0; i < STEPS; i++)
            run(bench);
        least = fmin(least, tick_seconds_since(begin) * 1e9 / (STEPS * DOCS));
    }
    return least;
}

int main(void)
{
    static const struct {
        const char *name;
        enum loss_kd kd;
        enum loss_join join;
    } rows[] = {
        {"PointCE", LOSS_KD_NONE, LOSS_JOIN_NONE},
        {"PriDropOut", LOSS_KD_NONE, LOSS_JOIN_ADD},
        {"PAL", LOSS_KD_NONE, LOSS_JOIN_PRODUCT},
        {"pointwise", LOSS_KD_POINTWISE, LOSS_JOIN_NONE},
        {"ListMLE", LOSS_KD_LISTMLE, LOSS_JOIN_NONE},
        {"ListNet", LOSS_KD_LISTNET, LOSS_JOIN_NONE},
        {"ListNet on logits", LOSS_KD_LISTNET_LOGIT, LOSS_JOIN_NONE},
        {"CLID", LOSS_KD_CLID, LOSS_JOIN_NONE},
        {"CLID, by mass", LOSS_KD_CLID_MASS, LOSS_JOIN_NONE},
        {"RCR", LOSS_KD_RCR, LOSS_JOIN_NONE},
    };
    static struct bench bench;
    fill(&bench);
    printf("%-18s", "ns a document");
    for (size_t k = 0; k < SIZES; k++)
        printf("%6zu", sizes[k]);
    printf("   documents a list; PointCE is part of every row\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        bench.config = (struct loss_config){
            .kd = rows[i].kd, .join = rows[i].join, .alpha = .5, .kd_weight = .5, .tau = 1};
        bench.batch.teacher = rows[i].kd == LOSS_KD_NONE ? NULL : bench.teacher;
        bench.batch.shallow = rows[i].join == LOSS_JOIN_NONE ? NULL : bench.teacher;
        printf("%-18s", rows[i].name);
        for (size_t k = 0; k < SIZES; k++) {
            cut(&bench, sizes[k]);
            printf("%6.0f", best(&bench, run_loss));
        }
        printf("\n");
    }
    printf("%-18s%6.1f\n%-18s%6.1f\n", "one exp", best(&bench, run_exp), "one log1p",
           best(&bench, run_log1p));
    return isfinite(bench.sum) ? EXIT_SUCCESS : EXIT_FAILURE;
}
