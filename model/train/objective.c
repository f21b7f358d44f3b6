#include "model/train/objective.h"

#include "base/rng.h"
#include "model/layer_dropout.h"
#include "model/train/loss_mass.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Apart from the blocks of the towers' own dropout, which count from 0.
enum { OBJECTIVE_KEEP_BLOCK = 0x40000000 };

enum status objective_init(struct objective *objective, const struct objective_config *config,
                           size_t max_rows, struct diag *reterr)
{
    *objective = (struct objective){.config = *config};
    objective->teacher = calloc(max_rows, sizeof(*objective->teacher));
    objective->keep = calloc(max_rows, sizeof(*objective->keep));
    objective->tie = calloc(max_rows, sizeof(*objective->tie));
    objective->scratch.order = calloc(max_rows, sizeof(*objective->scratch.order));
    objective->scratch.first = calloc(max_rows, sizeof(*objective->scratch.first));
    objective->scratch.second = calloc(max_rows, sizeof(*objective->scratch.second));
    if (objective->teacher == NULL || objective->keep == NULL || objective->tie == NULL ||
        objective->scratch.order == NULL || objective->scratch.first == NULL ||
        objective->scratch.second == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the losses");
    return STATUS_OK;
}

void objective_fini(struct objective *objective)
{
    free(objective->teacher);
    free(objective->keep);
    free(objective->tie);
    free(objective->scratch.order);
    free(objective->scratch.first);
    free(objective->scratch.second);
    memset(objective, 0, sizeof(*objective));
}

// The factors of the shallow tower's logits: inverted dropout of one unit a document.
static const float *objective_draw_keep(struct objective *objective, size_t docs,
                                        const struct objective_step *step)
{
    const struct objective_config *config = &objective->config;
    if (config->keep_drop <= 0)
        return NULL;
    const struct layer_dropout_draw draw = {config->seed, step->epoch, step->step,
                                            config->keep_drop};
    const float kept = config->keep_rescale ? (float)(1 / (1 - config->keep_drop)) : 1;
    for (size_t i = 0; i < docs; i++) {
        uint8_t mask;
        layer_dropout_mask(&draw, (uint32_t)i, OBJECTIVE_KEEP_BLOCK, 1, &mask);
        objective->keep[i] = mask ? kept : 0;
    }
    return objective->keep;
}

// A number a document and epoch: the order of documents that the teacher cannot tell apart.
static const uint32_t *objective_draw_ties(struct objective *objective,
                                           const struct minibatch *batch, uint32_t epoch)
{
    if (objective->config.loss.kd != LOSS_KD_LISTMLE)
        return NULL;
    const struct rng_key key = rng_key_of(objective->config.seed, RNG_TIES);
    for (size_t i = 0; i < batch->docs; i++) {
        uint32_t words[4];
        rng_words(key, epoch, 0, (uint32_t)batch->doc[i], (uint32_t)(batch->doc[i] >> 32), words);
        objective->tie[i] = words[0];
    }
    return objective->tie;
}

// The teacher's own loss and gradient, and the mean of Z_t where the student's loss wants it.
MUST_USE static enum status objective_teach(struct objective *objective,
                                            const struct minibatch *batch, struct tower *teacher,
                                            const struct objective_step *step,
                                            struct loss_batch *loss, double *ret_loss)
{
    const struct loss_config clicks = {
        .kd = LOSS_KD_NONE, .alpha = 1, .reduce = objective->config.loss.reduce};
    struct loss_batch own = {.offset = batch->offset,
                             .lists = batch->lists,
                             .label = batch->label,
                             .student = teacher->logit};
    struct loss_value value;
    TRY(loss_minibatch(&clicks, &own, &objective->scratch, teacher->grad, NULL, &value));
    *ret_loss = value.total;
    // A copy, so that what the student's loss reads can never be what it writes.
    memcpy(objective->teacher, teacher->logit, batch->docs * sizeof(float));
    loss->teacher = objective->teacher;
    if (objective->config.loss.kd != LOSS_KD_CLID_MASS)
        return STATUS_OK;
    double mean = loss_mass_log_mean(objective->teacher, batch->offset, NULL, batch->lists);
    const bool begun = *step->log_mass != 0; // a state that begins, or is of another method, has 0
    *step->log_mass = begun ? loss_mass_follow(*step->log_mass, mean) : mean;
    loss->log_mass = *step->log_mass;
    return STATUS_OK;
}

enum status objective_grads(struct objective *objective, const struct minibatch *batch,
                            struct tower *towers, size_t count, const struct objective_step *step,
                            struct objective_value *ret_value)
{
    const struct objective_config *config = &objective->config;
    struct tower *main = &towers[0], *second = count > 1 ? &towers[1] : NULL;
    struct loss_config loss = config->loss;
    struct loss_batch given = {.offset = batch->offset,
                               .lists = batch->lists,
                               .label = batch->label,
                               .student = main->logit,
                               .log_mass = config->log_mass,
                               .tie = objective_draw_ties(objective, batch, step->epoch)};
    struct objective_value value = {.teacher = 0};
    float *grad_shallow = NULL;
    if (step->taken < config->kd_warmup_steps)
        loss.kd_weight = 0;
    if (config->joint) {
        assert(second != NULL);
        TRY(objective_teach(objective, batch, second, step, &given, &value.teacher));
    } else if (second != NULL) {
        given.shallow = second->logit;
        given.keep = objective_draw_keep(objective, batch->docs, step);
        grad_shallow = second->grad;
    } else if (config->teacher != NULL) {
        for (size_t i = 0; i < batch->docs; i++)
            objective->teacher[i] = config->teacher[batch->doc[i]];
        given.teacher = objective->teacher;
    }
    TRY(loss_minibatch(&loss, &given, &objective->scratch, main->grad, grad_shallow, &value.main));
    *ret_value = value;
    return STATUS_OK;
}
