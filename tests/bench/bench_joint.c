// Joint training of the production model on command, for bench_joint.py: the step of the trainer
// on a data set, through the same calls in the same order. After a line "train N" N minibatches are
// trained; after "check" the state, and what it makes of a minibatch, stand in FOLDER. Either way
// the answer is a line: the seconds, and how many documents.
//
//   bench_joint CONFIG.yaml FOLDER THREADS
//
// FOLDER gets data.safetensors: the data set as cells, so that another program can learn from the
// same numbers without a parser.
#include "base/log.h"
#include "base/tick.h"
#include "model/kernels/blas.h"
#include "model/safetensors.h"
#include "model/train/objective.h"
#include "model/train/state.h"
#include "model/train/traindata.h"
#include "tests/support/need.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct joint {
    const char *folder;
    struct train_config config;
    struct yamldoc *doc;
    struct traindata data;
    struct team *team;
    const struct kernels *kernels;
    struct minibatch_plan plan;
    struct minibatch batch;
    struct input_train input;
    struct tower towers[2]; // student, teacher
    struct objective objective;
    uint32_t epoch, step;
};

static void open_data(struct joint *joint, char **argv)
{
    struct diag diag = {0};
    char threads[64];
    snprintf(threads, sizeof(threads), "train.threads=%s", argv[3]);
    const char *sets[] = {threads};
    const struct train_config_source source = {argv[1], sets, 1};
    joint->folder = argv[2];
    need(train_config_load(&source, &joint->config, &joint->doc, &diag), &diag);
    need(kernels_choose("auto", &joint->kernels, &diag), &diag);
    need(traindata_open(&joint->config, joint->folder, NULL, &joint->data, &diag), &diag);
    joint->team = team_start((unsigned)joint->config.train_threads);
    if (joint->team == NULL)
        need(STATUS_NO_MEMORY, &diag);
}

static void add_tower(struct joint *joint, size_t i, const char *name, const struct schema *sees)
{
    const struct train_config *config = &joint->config;
    struct diag diag = {0};
    struct net_train_config net = {.input = sees->shared_width + sees->row_width,
                                   .hidden_count = config->network_hidden.count,
                                   .input_bn = true,
                                   .hidden_bn = true,
                                   .dropout = config->network_dropout,
                                   .grad_input = true,
                                   .shards = (size_t)config->train_shards,
                                   .max_rows = joint->batch.max_rows,
                                   .seed = 1 + i};
    for (size_t k = 0; k < net.hidden_count; k++)
        net.hidden[k] = (size_t)config->network_hidden.items[k];
    need(tower_init(&joint->towers[i], name, &net, -3, 0, &joint->input, joint->team, &diag),
         &diag);
}

static void make_model(struct joint *joint)
{
    const struct train_config *config = &joint->config;
    const struct schema *schema = &joint->data.teacher;
    const double alpha = train_config_alpha(config);
    struct diag diag = {0};
    need(minibatch_plan_init(&joint->plan, &joint->data.train, joint->data.lists,
                             joint->data.list_count, (size_t)config->train_batch),
         &diag);
    need(minibatch_init(&joint->batch, &joint->plan, schema, joint->kernels, &diag), &diag);
    struct input_train_config input = {.schema = schema,
                                       .kernels = joint->kernels,
                                       .privileged = true,
                                       .optimiser = EMBED_ADAM,
                                       .deviation = config->embedding_deviation,
                                       .name = "input",
                                       .shards = (size_t)config->train_shards,
                                       .max_rows = joint->batch.max_rows,
                                       .max_lists = joint->batch.max_lists,
                                       .seed = 1};
    train_config_attention(config, &input.attention);
    need(input_train_init(&joint->input, &input, joint->team, &diag), &diag);
    add_tower(joint, 0, "student", &joint->data.student);
    add_tower(joint, 1, "teacher", schema);
    const struct objective_config objective = {
        .loss = {.kd = LOSS_KD_CLID, .alpha = alpha, .kd_weight = 1 - alpha, .tau = 1},
        .joint = true,
        .seed = 1};
    need(objective_init(&joint->objective, &objective, joint->batch.max_rows, &diag), &diag);
}

static void next_batch(struct joint *joint)
{
    struct minibatch_lists lists;
    while (!minibatch_plan_next(&joint->plan, &lists)) {
        minibatch_plan_start(&joint->plan, 1, joint->epoch++);
        joint->step = 0;
    }
    minibatch_fill(&joint->batch, &lists);
}

static size_t train_batch(struct joint *joint)
{
    const struct adam_config adam = {.beta1 = .9,
                                     .beta2 = .999,
                                     .epsilon = 1e-8,
                                     .weight_decay = joint->config.train_weight_decay};
    const double lr = joint->config.train_lr;
    const struct objective_step at = {joint->epoch, joint->step, joint->towers[0].adam.t, NULL};
    struct objective_value value;
    struct diag diag = {0};
    next_batch(joint);
    need(input_train_forward(&joint->input, &joint->batch, &diag), &diag);
    for (size_t i = 0; i < 2; i++)
        tower_forward(&joint->towers[i], joint->batch.docs, joint->epoch, joint->step);
    need(objective_grads(&joint->objective, &joint->batch, joint->towers, 2, &at, &value), &diag);
    double squares = 0;
    for (size_t i = 0; i < 2; i++)
        squares += tower_backward(&joint->towers[i], joint->team);
    squares += input_train_backward(&joint->input);
    for (size_t i = 0; i < 2; i++)
        tower_update(&joint->towers[i], &adam, lr, squares, joint->team);
    input_train_update(&joint->input, &adam, lr, lr, squares);
    joint->step++;
    return joint->batch.docs;
}

// ---- for the other program

static void write_file(const struct joint *joint, const char *name,
                       const struct safetensors_tensor *tensors, size_t count, const char *features)
{
    struct diag diag = {0};
    char *path = file_join(joint->folder, name);
    const struct safetensors_note notes[] = {{"features", features}};
    if (path == NULL)
        exit(EXIT_FAILURE);
    need(safetensors_write(path, tensors, count, notes, 1, &diag), &diag);
    free(path);
}

// A line a feature, those of the shared columns first: name, whether its cells are shared, first
// cell, cells, table or -, rows and dim of the table, what it is a mean of, or the target of DIN,
// or -.
static void list_features(const struct schema *schema, struct buf *text)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *f = &schema->features[i];
        const struct schema_table *table =
            f->table == SCHEMA_NO_TABLE ? NULL : &schema->tables[f->table];
        const char *other = f->source == SCHEMA_LOO_MEAN ? schema->features[f->of].name
                            : schema_is_din(f)           ? schema->features[f->target].name
                                                         : "-";
        buf_printf(text, "%s %d %u %u %s %zu %u %s\n", f->name, schema_in_shared_cells(f),
                   f->offset, schema_cells(f), table == NULL ? "-" : table->name,
                   table == NULL ? 0 : table->rows, f->width, other);
    }
}

static void *memory(size_t count, size_t bytes)
{
    void *block = calloc(count + 1, bytes);
    if (block == NULL)
        exit(EXIT_FAILURE);
    return block;
}

// The lists that teach, as they are.
static void write_data(struct joint *joint)
{
    const struct schema *schema = &joint->data.teacher;
    const struct dataset *train = &joint->data.train;
    const size_t lists = joint->data.list_count, docs = joint->plan.docs;
    struct diag diag = {0};
    struct listrows rows;
    struct buf features;
    union row_cell *shared = memory(lists * schema->shared_cells, sizeof(*shared));
    union row_cell *cells = memory(docs * schema->row_cells, sizeof(*cells));
    float *label = memory(docs, sizeof(*label));
    uint64_t *offset = memory(lists + 1, sizeof(*offset));
    need(listrows_init(&rows, train, schema, joint->kernels, &diag), &diag);
    for (size_t q = 0; q < lists; q++) {
        const size_t list = joint->data.lists[q], n = listrows_docs(&rows, list);
        listrows_fill(&rows, list, shared + q * schema->shared_cells,
                      cells + offset[q] * schema->row_cells);
        for (size_t i = 0; i < n; i++)
            label[offset[q] + i] = train->grade[train->offset[list] + i] > 0 ? 1 : 0;
        offset[q + 1] = offset[q] + n;
    }
    listrows_fini(&rows);
    buf_init(&features, 1 << 16);
    list_features(schema, &features);
    const struct safetensors_tensor tensors[] = {
        {"shared", SAFETENSORS_U32, 2, {lists, schema->shared_cells}, shared},
        {"rows", SAFETENSORS_U32, 2, {docs, schema->row_cells}, cells},
        {"label", SAFETENSORS_F32, 1, {docs}, label},
        {"offset", SAFETENSORS_U64, 1, {lists + 1}, offset}};
    write_file(joint, "data.safetensors", tensors, 4, buf_view(&features).data);
    buf_fini(&features);
    free(shared);
    free(cells);
    free(label);
    free(offset);
}

static void write_state(struct joint *joint)
{
    struct diag diag = {0};
    char *path = file_join(joint->folder, "state.safetensors");
    struct state state = {.stage = "student",
                          .identity = "",
                          .teacher = "",
                          .schema = &joint->data.teacher,
                          .inputs = &joint->input,
                          .input_count = 1,
                          .towers = joint->towers,
                          .tower_count = 2};
    need(state_save(path, &state, &diag), &diag);
    free(path);
}

// The state, and a minibatch with what both towers make of it in evaluation mode and what the
// losses are then.
static size_t write_check(struct joint *joint)
{
    const struct schema *schema = &joint->data.teacher;
    struct minibatch *batch = &joint->batch;
    struct diag diag = {0};
    next_batch(joint);
    need(input_train_forward(&joint->input, batch, &diag), &diag);
    for (size_t i = 0; i < 2; i++) {
        struct tower *tower = &joint->towers[i];
        // Gathers the tower's columns; moves its running statistics too.
        tower_forward(tower, batch->docs, 0, 0);
        net_train_evaluate(tower->net, tower->x != NULL ? tower->x : joint->input.x, batch->docs,
                           tower->logit);
    }
    write_state(joint);
    const struct objective_step at = {.step = 0};
    struct objective_value value;
    need(objective_grads(&joint->objective, batch, joint->towers, 2, &at, &value), &diag);
    const double losses[] = {value.main.total, value.teacher};
    const size_t lists = batch->lists, docs = batch->docs;
    const struct safetensors_tensor tensors[] = {
        {"shared", SAFETENSORS_U32, 2, {lists, schema->shared_cells}, batch->shared},
        {"rows", SAFETENSORS_U32, 2, {docs, schema->row_cells}, batch->cells},
        {"label", SAFETENSORS_F32, 1, {docs}, batch->label},
        {"offset", SAFETENSORS_U64, 1, {lists + 1}, batch->offset},
        {"student", SAFETENSORS_F32, 1, {docs}, joint->towers[0].logit},
        {"teacher", SAFETENSORS_F32, 1, {docs}, joint->towers[1].logit},
        {"losses", SAFETENSORS_F64, 1, {2}, losses}};
    write_file(joint, "check.safetensors", tensors, 7, "");
    return docs;
}

static void finish(struct joint *joint)
{
    objective_fini(&joint->objective);
    for (size_t i = 0; i < 2; i++)
        tower_fini(&joint->towers[i]);
    input_train_fini(&joint->input);
    minibatch_fini(&joint->batch);
    minibatch_plan_fini(&joint->plan);
    traindata_close(&joint->data);
    train_config_fini(&joint->config);
    yamldoc_free(joint->doc);
    team_stop(joint->team);
}

int main(int argc, char **argv)
{
    if (argc != 4 || blas_restart(argv, NULL) != STATUS_OK)
        return EXIT_FAILURE;
    blas_setup();
    log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    struct joint joint = {.folder = argv[2]};
    open_data(&joint, argv);
    make_model(&joint);
    write_data(&joint);
    printf("%s\n", blas_core_name());
    fflush(stdout);
    for (char line[64]; fgets(line, sizeof(line), stdin) != NULL;) {
        size_t docs = 0;
        uint64_t start_ns = tick_ns();
        if (strncmp(line, "check", 5) == 0)
            docs = write_check(&joint);
        for (size_t left = strncmp(line, "train ", 6) == 0 ? strtoul(line + 6, NULL, 10) : 0;
             left > 0; left--)
            docs += train_batch(&joint);
        printf("%.6f %zu\n", tick_seconds_since(start_ns), docs);
        fflush(stdout);
    }
    finish(&joint);
    return EXIT_SUCCESS;
}
