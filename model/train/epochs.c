#include "model/train/epochs.h"

#include "base/file.h"
#include "base/log.h"
#include "model/train/fit_drift.h"
#include "model/train/lineage.h"
#include "model/train/listrows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS_MAX_LINEAGE = 1 << 20 };

static const double epochs_too_good = .98; // AUC of a teacher on validation

// The first validation lists give the golden rows.
MUST_USE static enum status epochs_fill_golden(const struct trainer_task *task,
                                               struct listrows *rows, struct export_golden *golden,
                                               struct diag *reterr)
{
    const struct scoreset *valid = task->valid;
    const size_t shared_cells = rows->schema->shared_cells, row_cells = rows->schema->row_cells;
    size_t longest = 0;
    for (size_t i = 0; i < valid->lists; i++) {
        size_t n = (size_t)(valid->offset[i + 1] - valid->offset[i]);
        longest = n > longest ? n : longest;
    }
    union row_cell *page = calloc(longest * row_cells + 1, sizeof(*page));
    union row_cell *shared = calloc(shared_cells + 1, sizeof(*shared));
    enum status code = page == NULL || shared == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                           : STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < valid->lists; i++) {
        size_t n = (size_t)(valid->offset[i + 1] - valid->offset[i]);
        size_t room = CHECKPOINT_GOLDEN_ROWS - golden->count;
        if (room == 0)
            break;
        listrows_fill(rows, valid->list[i], shared, page);
        for (size_t k = 0; k < n && k < room; k++, golden->count++) {
            memcpy(golden->shared + golden->count * shared_cells, shared,
                   shared_cells * sizeof(*shared));
            memcpy(golden->rows + golden->count * row_cells, page + k * row_cells,
                   row_cells * sizeof(*page));
        }
    }
    free(page);
    free(shared);
    return code;
}

MUST_USE static enum status epochs_golden(const struct trainer_task *task,
                                          struct epochs_model *model, struct diag *reterr)
{
    const struct schema *schema = model->schema;
    struct export_golden *golden = &model->golden;
    struct listrows rows;
    TRY(listrows_init(&rows, task->valid->dataset, schema, task->kernels, reterr));
    golden->shared =
        calloc(CHECKPOINT_GOLDEN_ROWS * schema->shared_cells + 1, sizeof(*golden->shared));
    golden->rows = calloc(CHECKPOINT_GOLDEN_ROWS * schema->row_cells + 1, sizeof(*golden->rows));
    enum status code = golden->shared == NULL || golden->rows == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                           : epochs_fill_golden(task, &rows, golden, reterr);
    listrows_fini(&rows);
    return code;
}

enum status epochs_init(struct epochs *epochs, const struct trainer_task *task,
                        const struct epochs_model *models, size_t model_count, struct diag *reterr)
{
    *epochs = (struct epochs){
        .task = task, .folder = file_join(task->folder, "kept"), .model_count = model_count};
    if (epochs->folder == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(file_make_folder(epochs->folder, reterr));
    for (size_t i = 0; i < model_count; i++) {
        epochs->models[i] = models[i];
        epochs->models[i].schema =
            models[i].method->sees == METHOD_SEES_ALL ? task->all : task->regular;
        TRY(epochs_golden(task, &epochs->models[i], reterr));
    }
    return STATUS_OK;
}

void epochs_fini(struct epochs *epochs)
{
    for (size_t i = 0; i < epochs->model_count; i++) {
        free(epochs->models[i].golden.shared);
        free(epochs->models[i].golden.rows);
    }
    free(epochs->folder);
    memset(epochs, 0, sizeof(*epochs));
}

// RUN/kept/STAGE-EPOCH.safetensors; the caller frees.
static char *epochs_path(const struct epochs *epochs, const struct epochs_model *model,
                         uint32_t epoch)
{
    char *path = NULL;
    int length = asprintf(&path, "%s/%s-%u.safetensors", epochs->folder, model->stage, epoch + 1);
    return length < 0 ? NULL : path;
}

// Where the model comes from, without time, host or path: equal training, equal text. The caller
// frees.
static char *epochs_lineage(const struct epochs *epochs, const struct epochs_model *model,
                            uint32_t epoch, const struct quality *quality)
{
    const struct trainer_task *task = epochs->task;
    const struct dataset *valid = task->valid->dataset;
    char text_of[LINEAGE_HASH_TEXT];
    struct json_value *root = json_value_new_map();
    struct json_value *data = json_value_new_map();
    json_value_set_text(data, "hash", lineage_hash(task->data_hash, text_of));
    json_value_set_text(data, "train_lists",
                        lineage_hash(dataset_lists_hash(task->train), text_of));
    if (valid != task->train)
        json_value_set_text(data, "valid_lists", lineage_hash(dataset_lists_hash(valid), text_of));
    json_value_set_int(data, "columns", (int64_t)task->train->columns);
    json_value_set_int(data, "lists", (int64_t)task->list_count);
    json_value_set(root, "data", data);
    json_value_set_text(root, "method", train_config_method(task->config)->name);
    json_value_set_text(root, "stage", model->stage);
    json_value_set_int(root, "seed", task->config->train_seed);
    json_value_set_int(root, "epoch", (int64_t)epoch + 1);
    if (task->teacher_sha256 != NULL)
        json_value_set_text(root, "teacher_sha256", task->teacher_sha256);
    if (task->warm_sha256[0] != '\0')
        json_value_set_text(root, "warm_start_sha256", task->warm_sha256);
    json_value_set_text(root, "configuration", task->identity);
    json_value_set(root, "validation", quality_to_json(quality));
    struct buf text;
    buf_init(&text, EPOCHS_MAX_LINEAGE);
    enum status code = json_value_write(root, 0, &text);
    char *lineage = code == STATUS_OK ? buf_detach(&text) : NULL;
    json_value_free(root);
    buf_fini(&text);
    return lineage;
}

// What a student's file carries to measure drift by: the ranges of what it learnt from, and how its
// scores spread on validation.
MUST_USE static enum status epochs_drift(const struct trainer_task *task,
                                         struct checkpoint *checkpoint, struct diag *reterr)
{
    if (checkpoint->role != CHECKPOINT_STUDENT)
        return STATUS_OK;
    checkpoint->ranges = task->ranges;
    return fit_drift_histogram(task->valid->logit, task->valid->docs, &checkpoint->calibrate,
                               &checkpoint->pctr, reterr);
}

MUST_USE static enum status epochs_write(const struct epochs *epochs,
                                         const struct epochs_model *model,
                                         const struct scorer *scorer, uint32_t epoch,
                                         const struct quality *quality, struct diag *reterr)
{
    char *path = epochs_path(epochs, model, epoch);
    char *lineage = epochs_lineage(epochs, model, epoch, quality);
    struct scorer marked = *scorer;
    enum status code = path == NULL || lineage == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                           : epochs_drift(epochs->task, &marked.checkpoint, reterr);
    if (code == STATUS_OK)
        code = export_write(&marked, path, &model->golden, lineage, reterr);
    free(path);
    free(lineage);
    return code;
}

// How the epoch went: a line of history.jsonl and a line for people. quality (model_count).
MUST_USE static enum status epochs_tell(const struct epochs *epochs, const struct state *state,
                                        const struct quality *quality, bool candidate,
                                        struct diag *reterr)
{
    const struct trainer_task *task = epochs->task;
    double docs = state->sums[STATE_DOCS], lr = train_config_lr(task->config, state->epoch);
    double loss = state->sums[STATE_LOSS] / docs;
    struct json_value *line = json_value_new_map();
    struct json_value *train = json_value_new_map();
    json_value_set_number(train, "loss", loss);
    json_value_set_number(train, "point_ce", state->sums[STATE_POINT_CE] / docs);
    if (method_has_ratio(task->method))
        json_value_set_number(train, "kl", state->sums[STATE_KL] / docs);
    if (task->joint)
        json_value_set_number(train, "teacher_point_ce", state->sums[STATE_TEACHER] / docs);
    json_value_set_int(train, "docs", (int64_t)docs);
    json_value_set_text(line, "stage", task->stage);
    json_value_set_int(line, "epoch", (int64_t)state->epoch + 1);
    json_value_set_int(line, "steps", (int64_t)state->step);
    json_value_set_number(line, "lr", lr);
    json_value_set(line, "train", train);
    json_value_set(line, "valid", quality_to_json(&quality[0]));
    if (task->joint)
        json_value_set(line, "teacher_valid", quality_to_json(&quality[1]));
    json_value_set_bool(line, "candidate", candidate);
    LOG_EACH(LOG_INFO, "epoch", LOG_S("stage", task->stage), LOG_I("epoch", state->epoch + 1),
             LOG_F("lr", lr), LOG_F("loss", loss), LOG_F("ndcg10", quality->ndcg10),
             LOG_F("gauc", quality->gauc), LOG_F("logloss", quality->logloss),
             LOG_F("pcoc", quality->pcoc));
    return history_write(task->history, line, reterr);
}

// The serving form of a model, measured on validation; the first model's epoch is offered to
// `keep`, and every model of a candidate is written.
MUST_USE static enum status epochs_close_model(struct epochs *epochs, struct epochs_model *model,
                                               struct state *state, bool *candidate,
                                               struct quality *ret_quality, struct diag *reterr)
{
    const struct trainer_task *task = epochs->task;
    struct scorer scorer;
    struct quality quality;
    TRY(export_scorer(model->tower, model->method->role, model->schema, task->kernels, &scorer,
                      reterr));
    enum status code = scoreset_score(task->valid, &scorer, task->team, reterr);
    if (code == STATUS_OK)
        code = scoreset_quality(task->valid, &scorer.checkpoint.calibrate, &quality, reterr);
    if (code == STATUS_OK && model == epochs->models) {
        struct keep_epoch epoch = {state->epoch, train_config_rank(task->config, &quality),
                                   quality.logloss};
        *candidate = keep_offer(&state->keep, epoch, epochs->dropped, &epochs->dropped_count);
    }
    if (code == STATUS_OK && *candidate)
        code = epochs_write(epochs, model, &scorer, state->epoch, &quality, reterr);
    export_fini(&scorer);
    if (code == STATUS_OK)
        *ret_quality = quality;
    return code;
}

// What clicks depend on is never known so well.
static void epochs_doubt(const struct epochs_model *model, const struct quality *quality)
{
    if (model->method->sees == METHOD_SEES_ALL && quality->auc > epochs_too_good)
        LOG_EVENT(LOG_WARN,
                  "the teacher is implausibly good: does a privileged feature give the label away?",
                  LOG_S("stage", model->stage), LOG_F("valid_auc", quality->auc));
}

enum status epochs_close(struct epochs *epochs, struct state *state, struct diag *reterr)
{
    struct quality quality[TOWER_MAX];
    bool candidate = false;
    for (size_t i = 0; i < epochs->model_count; i++) {
        TRY(epochs_close_model(epochs, &epochs->models[i], state, &candidate, &quality[i], reterr));
        epochs_doubt(&epochs->models[i], &quality[i]);
    }
    return epochs_tell(epochs, state, quality, candidate, reterr);
}

enum status epochs_drop(struct epochs *epochs, struct diag *reterr)
{
    enum status code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < epochs->dropped_count * epochs->model_count; i++) {
        char *path = epochs_path(epochs, &epochs->models[i % epochs->model_count],
                                 epochs->dropped[i / epochs->model_count]);
        code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                            : file_remove(path, reterr);
        free(path);
    }
    epochs->dropped_count = 0;
    return code;
}

MUST_USE static enum status epochs_finish_model(const struct epochs *epochs,
                                                const struct epochs_model *model, uint32_t epoch,
                                                struct diag *reterr)
{
    char *from = epochs_path(epochs, model, epoch), *to = NULL;
    enum status code = STATUS_OK;
    if (from == NULL ||
        asprintf(&to, "%s/%s.safetensors", epochs->task->folder, model->stage) < 0) {
        to = NULL;
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    // A resumed run that had ended has its result, and its candidates are gone.
    bool ended = code == STATUS_OK && !file_exists(from) && file_exists(to);
    if (code == STATUS_OK && !ended)
        code = file_move(from, to, reterr);
    free(from);
    free(to);
    return code;
}

enum status epochs_finish(struct epochs *epochs, const struct keep *keep, struct diag *reterr)
{
    const struct keep_epoch *winner = keep_winner(keep);
    if (winner == NULL)
        return diag_set(reterr, STATUS_INTERNAL, "no epoch was kept");
    for (size_t i = 0; i < epochs->model_count; i++)
        TRY(epochs_finish_model(epochs, &epochs->models[i], winner->epoch, reterr));
    LOG_EVENT(LOG_INFO, "epoch kept", LOG_S("stage", epochs->task->stage),
              LOG_I("epoch", winner->epoch + 1), LOG_F("rank", winner->rank),
              LOG_F("logloss", winner->logloss));
    return STATUS_OK;
}
