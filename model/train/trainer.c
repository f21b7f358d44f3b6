#include "model/train/trainer.h"

#include "base/log.h"
#include "base/tick.h"
#include "model/train/adam.h"
#include "model/train/epochs.h"
#include "model/train/minibatch.h"
#include "model/train/net_train.h"
#include "model/train/progress.h"
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
    struct net_train *net;
    struct adam adam;
    struct adam_config adam_config;
    struct loss_config loss_config;
    struct state state; // where the run is; saved as it is
    struct epochs epochs;
    float *logit, *grad, *teacher; // (max rows)
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
    struct loss_value loss;

    minibatch_fill(batch, lists);
    for (size_t i = 0; task->teacher != NULL && i < batch->docs; i++)
        trainer->teacher[i] = task->teacher[batch->doc[i]];
    net_train_forward(trainer->net, batch->x, batch->docs, state->epoch, state->step,
                      trainer->logit);
    enum status code = loss_minibatch(&trainer->loss_config, trainer->logit,
                                      task->teacher == NULL ? NULL : trainer->teacher, batch->label,
                                      batch->offset, batch->lists, trainer->grad, &loss);
    if (code != STATUS_OK)
        return diag_set(reterr, code,
                        "epoch %u, step %u: a logit is not finite; a lower train.lr or "
                        "train.clip_norm may help",
                        state->epoch + 1, state->step + 1);
    net_train_backward(trainer->net, trainer->grad);
    adam_step(&trainer->adam, &trainer->adam_config, train_config_lr(task->config, state->epoch),
              net_train_params(trainer->net), net_train_values(trainer->net),
              net_train_grads(trainer->net), task->team);

    double docs = (double)batch->docs;
    state->sums[0] += docs * loss.total;
    state->sums[1] += docs * loss.point_ce;
    state->sums[2] += docs * loss.kl;
    state->sums[3] += docs;
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
        snprintf(text, sizeof(text), "loss %.5g", state->sums[0] / state->sums[3]);
        progress_update(&progress, (uint64_t)state->sums[3], text);
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
        TRY(epochs_close(&trainer->epochs, trainer->net, state, reterr));
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

MUST_USE static enum status trainer_make_net(struct trainer *trainer, struct diag *reterr)
{
    const struct trainer_task *task = trainer->task;
    const struct train_config *config = task->config;
    struct net_train_config net = {
        .input = task->schema->row_width,
        .hidden_count = config->network_hidden.count,
        .input_bn = true,
        .hidden_bn = true,
        .dropout = config->network_dropout,
        .dropout_input = config->network_dropout_input,
        .shards = (size_t)config->train_shards,
        .max_rows = minibatch_plan_max_rows(&trainer->plan),
        .seed = (uint64_t)config->train_seed,
    };
    for (size_t i = 0; i < net.hidden_count; i++)
        net.hidden[i] = (size_t)config->network_hidden.items[i];
    TRY(net_train_new(&net, task->team, &trainer->net, reterr));
    net_train_init(trainer->net, trainer_click_logit(task));

    size_t floats = net_train_params(trainer->net)->floats;
    if (floats > (CHECKPOINT_MAX_BYTES - TRAINER_MARGIN_BYTES) / sizeof(float))
        return diag_at_path(reterr, STATUS_CONFIG, "network.hidden",
                            "makes %zu parameters: more than a model file may hold", floats);
    trainer->adam.m = calloc(floats, sizeof(float));
    trainer->adam.v = calloc(floats, sizeof(float));
    trainer->logit = calloc(net.max_rows, sizeof(float));
    trainer->grad = calloc(net.max_rows, sizeof(float));
    trainer->teacher = calloc(net.max_rows, sizeof(float));
    trainer->state_path = file_join(task->folder, "state.safetensors");
    if (trainer->adam.m == NULL || trainer->adam.v == NULL || trainer->logit == NULL ||
        trainer->grad == NULL || trainer->teacher == NULL || trainer->state_path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the network");
    return STATUS_OK;
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
    trainer->loss_config =
        (struct loss_config){.method = task->loss,
                             .alpha = task->loss == LOSS_BASE ? 1 : train_config_alpha(config),
                             .reduce = config->loss_reduce == 0 ? LOSS_SAMPLE_MEAN : LOSS_LIST_SUM};
    enum status code = minibatch_plan_init(&trainer->plan, task->train, task->lists,
                                           task->list_count, (size_t)config->train_batch);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "out of memory for the plan of an epoch");
    if (trainer->plan.docs < 2)
        return diag_set(reterr, STATUS_INVALID,
                        "training needs at least 2 documents, there are %zu", trainer->plan.docs);
    TRY(minibatch_init(&trainer->batch, &trainer->plan, task->schema, task->kernels, reterr));
    TRY(trainer_make_net(trainer, reterr));
    TRY(epochs_init(&trainer->epochs, task, reterr));

    struct state *state = &trainer->state;
    *state = (struct state){.stage = task->stage,
                            .identity = task->identity,
                            .data_hash = task->data_hash,
                            .teacher = task->teacher_sha256 == NULL ? "" : task->teacher_sha256,
                            .net = trainer->net,
                            .adam = &trainer->adam};
    keep_start(&state->keep, (enum keep_rule)config->train_keep);
    if (task->resume)
        TRY(state_load(trainer->state_path, state, reterr));
    trainer->saved_ns = tick_ns();
    return STATUS_OK;
}

static void trainer_fini(struct trainer *trainer)
{
    epochs_fini(&trainer->epochs);
    net_train_free(trainer->net);
    minibatch_fini(&trainer->batch);
    minibatch_plan_fini(&trainer->plan);
    free(trainer->adam.m);
    free(trainer->adam.v);
    free(trainer->logit);
    free(trainer->grad);
    free(trainer->teacher);
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
