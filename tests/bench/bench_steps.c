// Training steps on command, for bench_torch.py: a line "N" on standard input trains N documents,
// and the seconds that it took go to standard output. The network is the paper's, the step the
// trainer's: gather a shuffled minibatch, forward, click loss, backward, Adam.
//
//   bench_steps THREADS DOCUMENTS BATCH
#include "base/rng.h"
#include "base/tick.h"
#include "model/kernels/blas.h"
#include "model/train/objective.h"
#include "model/train/tower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT = 136, SHARDS = 2 };

struct steps {
    size_t docs, batch_docs, next;
    float *data, *click, *label; // (docs, INPUT), (docs), (batch)
    union row_cell *cells;       // (batch, INPUT)
    uint32_t *order;
    uint64_t *document, offset[2];
    struct team *team;
    struct input_train input;
    struct tower tower;
    struct objective objective;
    struct minibatch batch;
    struct schema schema;
    uint32_t step;
};

static void *memory(size_t count, size_t bytes)
{
    void *block = aligned_alloc(64, (count * bytes + 63) / 64 * 64);
    if (block == NULL)
        exit(EXIT_FAILURE);
    return block;
}

static void make_data(struct steps *s)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, 0, 0);
    s->data = memory(s->docs * INPUT, sizeof(float));
    s->click = memory(s->docs, sizeof(float));
    s->order = memory(s->docs, sizeof(uint32_t));
    for (size_t i = 0; i < s->docs * INPUT; i++)
        s->data[i] = (float)rng_normal(&rng);
    for (size_t i = 0; i < s->docs; i++) {
        s->click[i] = rng_below(&rng, 5) == 0 ? 1.0F : 0.0F;
        s->order[i] = (uint32_t)i;
    }
}

static void make_net(struct steps *s, unsigned threads)
{
    const struct net_train_config net = {.input = INPUT,
                                         .hidden_count = 3,
                                         .hidden = {1024, 512, 256},
                                         .input_bn = true,
                                         .hidden_bn = true,
                                         .dropout = .1,
                                         .shards = SHARDS,
                                         .max_rows = s->batch_docs,
                                         .seed = 1};
    const struct objective_config objective = {.loss = {.kd = LOSS_KD_NONE, .alpha = 1}};
    s->team = team_start(threads);
    s->cells = memory(s->batch_docs * INPUT, sizeof(*s->cells));
    s->label = memory(s->batch_docs, sizeof(float));
    s->document = memory(s->batch_docs, sizeof(uint64_t));
    s->offset[1] = s->batch_docs;
    s->batch = (struct minibatch){.schema = &s->schema,
                                  .docs = s->batch_docs,
                                  .lists = 1,
                                  .cells = s->cells,
                                  .label = s->label,
                                  .offset = s->offset,
                                  .doc = s->document};
    const struct input_train_config input = {.schema = &s->schema,
                                             .name = "input",
                                             .shards = SHARDS,
                                             .max_rows = s->batch_docs,
                                             .max_lists = 1};
    if (s->team == NULL ||
        schema_letor(INPUT, NULL, 0, false, SCHEMA_NONE, &s->schema, NULL) != STATUS_OK ||
        input_train_init(&s->input, &input, s->team, NULL) != STATUS_OK ||
        tower_init(&s->tower, "student", &net, -1, 0, &s->input, s->team, NULL) != STATUS_OK ||
        objective_init(&s->objective, &objective, s->batch_docs, NULL) != STATUS_OK)
        exit(EXIT_FAILURE);
}

static void shuffle(struct steps *s)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_SHUFFLE, s->step, 0);
    rng_shuffle_u32(&rng, s->order, s->docs);
    s->next = 0;
}

static void train_batch(struct steps *s)
{
    static const struct adam_config adam = {
        .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = .001};
    if (s->next + s->batch_docs > s->docs)
        shuffle(s);
    for (size_t i = 0; i < s->batch_docs; i++) {
        uint32_t document = s->order[s->next++];
        memcpy(s->cells + i * INPUT, s->data + (size_t)document * INPUT, INPUT * sizeof(float));
        s->label[i] = s->click[document];
        s->document[i] = document;
    }
    const struct objective_step at = {0, s->step, s->step, NULL};
    struct objective_value value;
    if (input_train_forward(&s->input, &s->batch, NULL) != STATUS_OK)
        exit(EXIT_FAILURE);
    tower_forward(&s->tower, s->batch.docs, 0, s->step);
    if (objective_grads(&s->objective, &s->batch, &s->tower, 1, &at, &value) != STATUS_OK)
        exit(EXIT_FAILURE);
    double squares = tower_backward(&s->tower, s->team);
    tower_update(&s->tower, &adam, .001, squares, s->team);
    s->step++;
}

int main(int argc, char **argv)
{
    if (argc != 4 || blas_restart(argv, NULL) != STATUS_OK)
        return EXIT_FAILURE;
    blas_setup();
    struct steps s = {.docs = strtoul(argv[2], NULL, 10), .batch_docs = strtoul(argv[3], NULL, 10)};
    make_data(&s);
    make_net(&s, (unsigned)strtoul(argv[1], NULL, 10));
    shuffle(&s);
    printf("%s\n", blas_core_name());
    fflush(stdout);
    for (char line[64]; fgets(line, sizeof(line), stdin) != NULL;) {
        uint64_t start_ns = tick_ns();
        for (size_t left = strtoul(line, NULL, 10); left >= s.batch_docs; left -= s.batch_docs)
            train_batch(&s);
        printf("%.6f\n", tick_seconds_since(start_ns));
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
