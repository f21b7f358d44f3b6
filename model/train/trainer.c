#include "model/train/trainer.h"

#include "base/file.h"
#include "base/hash64.h"
#include "base/log.h"
#include "base/tick.h"
#include "model/train/epochs.h"
#include "model/train/objective.h"
#include "model/train/progress.h"
#include "model/train/progressive.h"
#include "model/train/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAINER_MARGIN_BYTES = 32 << 20 }; // header, golden rows and biases of a model file

struct trainer {
    const struct trainer_task *task;
    struct minibatch_plan plan;
    struct minibatch batch;
    struct input_train inputs[TOWER_MAX]; // what the towers see; one, or one for each
    size_t input_count;
    struct tower towers[TOWER_MAX]; // the main one, and the shallow one or the teacher
    size_t tower_count;
    bool *moves; // columns by which a muted tower moves its input; or NULL
    struct objective objective;
    struct adam_config adam_config;
    struct state state;             // where the run is; saved as it is
    struct progressive progressive; // only with train.progressive
    struct epochs epochs;
    char *state_path;
    uint64_t saved_ns;
};

// One minibatch, from lists to updated weights.
MUST_USE static enum status trainer_step(struct trainer *trainer,
                                         const struct minibatch_lists *lists, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    struct minibatch *batch = &trainer->batch;
    struct state *state = &trainer->state;
    struct tower *towers = trainer->towers;
    const struct objective_step step = {state->epoch, state->step, towers[0].adam.t,
                                        &state->log_mass};
    struct objective_value value;

    if (task->config->train_progressive)
        TRY(progressive_score(&trainer->progressive, lists, reterr));
    minibatch_fill(batch, lists);
    for (size_t i = 0; i < trainer->input_count; i++)
        TRY(input_train_forward(&trainer->inputs[i], batch, reterr));
    for (size_t i = 0; i < trainer->tower_count; i++)
        tower_forward(&towers[i], batch->docs, state->epoch, state->step);
    enum status code =
        objective_grads(&trainer->objective, batch, towers, trainer->tower_count, &step, &value);
    if (code != STATUS_OK)
        return diag_set(reterr, code,
                        "epoch %u, step %u: a logit is not finite; a lower train.lr or "
                        "train.clip_norm may help",
                        state->epoch + 1, state->step + 1);
    double squares = 0, lr = train_config_lr(task->config, state->epoch);
    for (size_t i = 0; i < trainer->tower_count; i++)
        squares += tower_backward(&towers[i], task->team);
    for (size_t i = 0; i < trainer->input_count; i++)
        squares += input_train_backward(&trainer->inputs[i]);
    for (size_t i = 0; i < trainer->tower_count; i++)
        tower_update(&towers[i], &trainer->adam_config, lr, squares, task->team);
    for (size_t i = 0; i < trainer->input_count; i++)
        input_train_update(&trainer->inputs[i], &trainer->adam_config, lr,
                           train_config_embed_lr(task->config, state->epoch), squares);

    double docs = (double)batch->docs;
    state->sums[STATE_LOSS] += docs * value.main.total;
    state->sums[STATE_POINT_CE] += docs * value.main.point_ce;
    state->sums[STATE_KL] += docs * value.main.kl;
    state->sums[STATE_TEACHER] += docs * value.teacher;
    state->sums[STATE_DOCS] += docs;
    return STATUS_OK;
}

MUST_USE static enum status trainer_save(struct trainer *trainer, struct diag *reterr)
{
    trainer->state.history_bytes = trainer->task->history->bytes;
    trainer->saved_ns = tick_ns();
    // What the state says of the history must be on the disk before the state is.
    TRY(history_sync(trainer->task->history, reterr));
    return state_save(trainer->state_path, &trainer->state, reterr);
}

MUST_USE static enum status trainer_save_if_due(struct trainer *trainer, struct diag *reterr)
{
    double minutes = tick_seconds_since(trainer->saved_ns) / 60;
    return minutes < trainer->task->config->train_checkpoint_minutes
               ? STATUS_OK
               : trainer_save(trainer, reterr);
}

// All minibatches of the current epoch that are still to do.
MUST_USE static enum status trainer_epoch(struct trainer *trainer, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    struct state *state = &trainer->state;
    struct minibatch_lists lists;
    struct progress progress;
    char title[64], text[64];
    enum status code = STATUS_OK;

    minibatch_plan_start(&trainer->plan, (uint64_t)task->config->train_seed, state->epoch);
    for (uint32_t done = 0; done < state->step; done++)
        if (!minibatch_plan_next(&trainer->plan, &lists))
            return diag_set(reterr, STATUS_CORRUPT, "the saved state is beyond its epoch");
    snprintf(title, sizeof(title), "%s, epoch %u", task->stage, state->epoch + 1);
    progress_start(&progress, title, trainer->plan.docs, "docs");
    while (code == STATUS_OK && minibatch_plan_next(&trainer->plan, &lists)) {
        code = trainer_step(trainer, &lists, reterr);
        state->step++;
        if (code == STATUS_OK)
            code = trainer_save_if_due(trainer, reterr);
        snprintf(text, sizeof(text), "loss %.5g",
                 state->sums[STATE_LOSS] / state->sums[STATE_DOCS]);
        progress_update(&progress, (uint64_t)state->sums[STATE_DOCS], text);
    }
    progress_end(&progress);
    return code;
}

MUST_USE static enum status trainer_loop(struct trainer *trainer, struct diag *reterr)
{
    const struct train_config *config = trainer->task->config;
    struct state *state = &trainer->state;
    while (state->epoch < (uint64_t)config->train_epochs &&
           (state->epoch == 0 || !keep_patience_over(&state->keep, state->epoch - 1,
                                                     (uint32_t)config->train_patience))) {
        TRY(trainer_epoch(trainer, reterr));
        if (config->train_progressive)
            TRY(progressive_close(&trainer->progressive, reterr));
        TRY(epochs_close(&trainer->epochs, state, reterr));
        state->epoch++;
        state->step = 0;
        memset(state->sums, 0, sizeof(state->sums));
        TRY(trainer_save(trainer, reterr));
        TRY(epochs_drop(&trainer->epochs, reterr));
    }
    return epochs_finish(&trainer->epochs, &state->keep, reterr);
}

static double trainer_click_logit(const struct trainer_task *task)
{
    double clicks = 0, docs = 0;
    for (size_t i = 0; i < task->list_count; i++) {
        uint32_t list = task->lists[i];
        for (uint64_t d = task->train->offset[list]; d < task->train->offset[list + 1]; d++) {
            clicks += task->train->grade[d] > 0;
            docs++;
        }
    }
    double rate = fmin(fmax(clicks / docs, 1e-4), 1 - 1e-4);
    return log(rate / (1 - rate));
}

// What the towers see, of a stage's own; nothing else draws from its seed. Students of one seed
// start alike, whatever the method, so that methods are compared in pairs; every other tower, and
// its input, draws from a seed of its own.
static uint64_t trainer_seed(const struct trainer_task *task, const char *name)
{
    const uint64_t seed = (uint64_t)task->config->train_seed;
    return strcmp(name, "student") == 0 ? seed : hash64(name, strlen(name), seed);
}

MUST_USE static enum status trainer_add_input(struct trainer *trainer, const char *name,
                                              const char *tower, bool privileged,
                                              struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    const struct train_config *config = task->config;
    struct input_train_config input = {
        .schema = trainer->batch.schema,
        .kernels = task->kernels,
        .privileged = privileged,
        .optimiser = config->embedding_optimiser == 1 ? EMBED_ADAGRAD : EMBED_ADAM,
        .deviation = config->embedding_deviation,
        .name = name,
        .shards = (size_t)config->train_shards,
        .max_rows = trainer->batch.max_rows,
        .max_lists = trainer->batch.max_lists,
        .seed = trainer_seed(task, tower),
    };
    train_config_attention(config, &input.attention);
    return input_train_init(&trainer->inputs[trainer->input_count++], &input, task->team, reterr);
}

// The tower's loss moves what it alone sees, not what is shared: privileged columns with a table of
// their own (spec/algorithm.md 1.4).
MUST_USE static enum status trainer_mute(struct trainer *trainer, struct tower *tower,
                                         struct diag *reterr)
{
    const struct schema *schema = tower->input->config.schema;
    trainer->moves = calloc(tower->width, sizeof(*trainer->moves));
    if (trainer->moves == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *feature = &schema->features[i];
        if (!feature->privileged || feature->table == SCHEMA_NO_TABLE ||
            !schema->features[schema->tables[feature->table].owner].privileged)
            continue;
        const size_t column = schema->shared_width + feature->column;
        for (size_t k = 0; k < feature->width && column + k < tower->width; k++)
            trainer->moves[column + k] = true;
    }
    tower->moves = trainer->moves;
    return STATUS_OK;
}

// A tower over `width` columns of `input` from `first`.
MUST_USE static enum status trainer_add_tower(struct trainer *trainer, const char *name,
                                              struct input_train *input,
                                              struct net_train_config *net, double output_bias,
                                              size_t first, size_t width, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    net->input = width;
    net->shards = (size_t)task->config->train_shards;
    net->max_rows = minibatch_plan_max_rows(&trainer->plan);
    net->seed = trainer_seed(task, name);
    net->grad_input = input->learns;
    struct tower *tower = &trainer->towers[trainer->tower_count++];
    TRY(tower_init(tower, name, net, output_bias, first, input, task->team, reterr));
    if (!train_config_moves_input(task->config, name))
        TRY(trainer_mute(trainer, tower, reterr));
    size_t floats = net_train_params(tower->net)->floats;
    if (floats > (checkpoint_max_bytes - TRAINER_MARGIN_BYTES) / sizeof(float))
        return diag_at_path(reterr, STATUS_CONFIG, "network.hidden",
                            "makes %zu parameters: more than a model file may hold", floats);
    return STATUS_OK;
}

// The full network over the columns that `sees`.
MUST_USE static enum status trainer_add_main(struct trainer *trainer, const char *name,
                                             enum method_sees sees, struct input_train *input,
                                             struct diag *reterr)
{
    const struct train_config *config = trainer->task->config;
    const struct schema *schema =
        sees == METHOD_SEES_ALL ? trainer->task->all : trainer->task->regular;
    struct net_train_config net = {
        .hidden_count = config->network_hidden.count,
        .input_bn = true,
        .hidden_bn = true,
        .dropout = config->network_dropout,
        .dropout_input = config->network_dropout_input,
    };
    for (size_t i = 0; i < net.hidden_count; i++)
        net.hidden[i] = (size_t)config->network_hidden.items[i];
    return trainer_add_tower(trainer, name, input, &net, trainer_click_logit(trainer->task), 0,
                             schema->shared_width + schema->row_width, reterr);
}

// The shallow tower over the privileged columns, which stand behind the others.
MUST_USE static enum status trainer_add_shallow(struct trainer *trainer, struct diag *reterr)
{
    const struct train_config *config = trainer->task->config;
    const struct schema *all = trainer->task->all;
    struct net_train_config net = {
        .hidden_count = config->shallow_hidden.count,
        .input_bn = true,
        .dropout = trainer->task->method->join == LOSS_JOIN_ADD ? config->shallow_dropout : 0,
        .dropout_last = true,
    };
    for (size_t i = 0; i < net.hidden_count; i++)
        net.hidden[i] = (size_t)config->shallow_hidden.items[i];
    return trainer_add_tower(trainer, "shallow", &trainer->inputs[0], &net, 0,
                             all->shared_width + all->row_width - all->privileged_width,
                             all->privileged_width, reterr);
}

// Joint: teacher and student share one input, or each has its own (spec/algorithm.md 1.4).
MUST_USE static enum status trainer_make_towers(struct trainer *trainer, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    const struct method *method = task->method;
    const struct method *teacher = task->joint ? method_find(method->teacher) : NULL;
    const bool apart = teacher != NULL && !task->config->share_base;
    bool main_sees = method_sees_privileged(method);
    bool teacher_sees = teacher != NULL && method_sees_privileged(teacher);
    TRY(minibatch_init(&trainer->batch, &trainer->plan,
                       main_sees || teacher_sees ? task->all : task->regular, task->kernels,
                       reterr));
    TRY(trainer_add_input(trainer, "input", task->stage, main_sees || (teacher_sees && !apart),
                          reterr));
    if (apart)
        TRY(trainer_add_input(trainer, "teacher_input", "teacher", teacher_sees, reterr));
    TRY(trainer_add_main(trainer, task->stage, method->sees, &trainer->inputs[0], reterr));
    if (method->join != LOSS_JOIN_NONE)
        return trainer_add_shallow(trainer, reterr);
    return teacher == NULL ? STATUS_OK
                           : trainer_add_main(trainer, "teacher", teacher->sees,
                                              &trainer->inputs[trainer->input_count - 1], reterr);
}

MUST_USE static enum status trainer_make_objective(struct trainer *trainer, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    const struct train_config *config = task->config;
    const struct method *method = task->method;
    double alpha = method_has_ratio(method) ? train_config_alpha(config) : 1;
    bool drops = method->join == LOSS_JOIN_ADD && config->shallow_dropout_logit;
    const struct objective_config objective = {
        .loss = {.kd = method->kd,
                 .join = method->join,
                 .alpha = alpha,
                 .kd_weight = 1 - alpha,
                 .reduce = config->loss_reduce == 0 ? LOSS_SAMPLE_MEAN : LOSS_LIST_SUM,
                 .tau = config->loss_tau,
                 .tau2_scale = config->loss_tau2_scale,
                 .rcr_norm = config->loss_rcr_norm},
        .joint = task->joint,
        .seed = (uint64_t)config->train_seed,
        .kd_warmup_steps = (uint64_t)config->kd_warmup_steps,
        .teacher = task->teacher,
        .log_mass = task->log_mass,
        .keep_drop = drops ? config->shallow_dropout : 0,
        .keep_rescale = config->shallow_rescale,
    };
    if (alpha <= 0 && method->kd != LOSS_KD_POINTWISE)
        LOG_EVENT(LOG_WARN, "the click loss has weight 0: nothing sets the level of probabilities",
                  LOG_S("method", method->name));
    return objective_init(&trainer->objective, &objective, trainer->batch.max_rows, reterr);
}

MUST_USE static enum status trainer_make_epochs(struct trainer *trainer, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    const struct method *method = task->method;
    struct epochs_model models[TOWER_MAX] = {
        {.stage = task->stage, .method = method, .tower = &trainer->towers[0]}};
    if (task->joint)
        models[1] = (struct epochs_model){.stage = "teacher",
                                          .method = method_find(method->teacher),
                                          .tower = &trainer->towers[1]};
    return epochs_init(&trainer->epochs, task, models, task->joint ? 2 : 1, reterr);
}

MUST_USE static enum status trainer_init(struct trainer *trainer, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    const struct train_config *config = task->config;
    trainer->adam_config = (struct adam_config){.beta1 = .9,
                                                .beta2 = .999,
                                                .epsilon = 1e-8,
                                                .weight_decay = config->train_weight_decay,
                                                .decay_all = config->train_l2_scope == 1,
                                                .clip_norm = config->train_clip_norm};
    enum status code = minibatch_plan_init(&trainer->plan, task->train, task->lists,
                                           task->list_count, (size_t)config->train_batch);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "out of memory for the plan of an epoch");
    trainer->plan.as_given = config->train_order == 1;
    if (trainer->plan.docs < 2)
        return diag_set(reterr, STATUS_INVALID,
                        "training needs at least 2 documents, there are %zu", trainer->plan.docs);
    if ((trainer->state_path = file_join(task->folder, "state.safetensors")) == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(trainer_make_towers(trainer, reterr));
    TRY(trainer_make_objective(trainer, reterr));
    TRY(trainer_make_epochs(trainer, reterr));
    if (config->train_progressive)
        TRY(progressive_init(&trainer->progressive, task, &trainer->towers[0],
                             trainer->batch.max_rows, reterr));

    struct state *state = &trainer->state;
    *state = (struct state){.stage = task->stage,
                            .identity = task->identity,
                            .data_hash = task->data_hash,
                            .teacher = task->teacher_sha256 == NULL ? "" : task->teacher_sha256,
                            .schema = trainer->batch.schema,
                            .progressive = config->train_progressive ? &trainer->progressive : NULL,
                            .inputs = trainer->inputs,
                            .input_count = trainer->input_count,
                            .towers = trainer->towers,
                            .tower_count = trainer->tower_count};
    keep_start(&state->keep, (enum keep_rule)config->train_keep);
    if (task->resume)
        TRY(state_load(trainer->state_path, state, reterr));
    else if (task->warm_start != NULL)
        TRY(state_warm(task->warm_start, state, reterr));
    trainer->saved_ns = tick_ns();
    return STATUS_OK;
}

static void trainer_fini(struct trainer *trainer)
{
    epochs_fini(&trainer->epochs);
    progressive_fini(&trainer->progressive);
    objective_fini(&trainer->objective);
    for (size_t i = 0; i < trainer->tower_count; i++)
        tower_fini(&trainer->towers[i]);
    for (size_t i = 0; i < trainer->input_count; i++)
        input_train_fini(&trainer->inputs[i]);
    free(trainer->moves);
    minibatch_fini(&trainer->batch);
    minibatch_plan_fini(&trainer->plan);
    free(trainer->state_path);
}

enum status trainer_run(const struct trainer_task *task, struct diag *reterr)
{
    struct trainer trainer = {.task = task};
    enum status code = trainer_init(&trainer, reterr);
    // A stage that begins is saved before its first step, so that the file never speaks of a stage
    // that is over.
    if (code == STATUS_OK && !task->resume)
        code = trainer_save(&trainer, reterr);
    if (code == STATUS_OK)
        code = trainer_loop(&trainer, reterr);
    trainer_fini(&trainer);
    return code;
}
