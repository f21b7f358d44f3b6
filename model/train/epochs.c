#include "model/train/epochs.h"

#include "base/file.h"
#include "base/log.h"
#include "model/train/export.h"
#include "model/train/listrows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS_MAX_LINEAGE = 1 << 20 };

// The first validation lists give the golden rows.
MUST_USE static enum status epochs_golden(struct epochs *epochs, struct diag *reterr)
{
    const struct trainer_task *task = epochs->task;
    const struct scoreset *valid = task->valid;
    size_t width = task->schema->row_width, longest = 0;
    struct listrows rows;
    TRY(listrows_init(&rows, valid->dataset, task->schema, task->kernels, reterr));
    for (size_t i = 0; i < valid->lists; i++) {
        size_t n = (size_t)(valid->offset[i + 1] - valid->offset[i]);
        longest = n > longest ? n : longest;
    }
    float *page = calloc(longest * width + 1, sizeof(float));
    epochs->golden = calloc(CHECKPOINT_GOLDEN_ROWS * width, sizeof(float));
    enum status code = page == NULL || epochs->golden == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                           : STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < valid->lists; i++) {
        size_t n = (size_t)(valid->offset[i + 1] - valid->offset[i]);
        size_t room = CHECKPOINT_GOLDEN_ROWS - epochs->golden_rows;
        size_t take = n < room ? n : room;
        if (take == 0)
            break;
        listrows_fill(&rows, valid->list[i], page);
        memcpy(epochs->golden + epochs->golden_rows * width, page, take * width * sizeof(float));
        epochs->golden_rows += take;
    }
    free(page);
    listrows_fini(&rows);
    return code;
}

enum status epochs_init(struct epochs *epochs, const struct trainer_task *task, struct diag *reterr)
{
    *epochs = (struct epochs){.task = task, .folder = file_join(task->folder, "kept")};
    if (epochs->folder == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(file_make_folder(epochs->folder, reterr));
    return epochs_golden(epochs, reterr);
}

void epochs_fini(struct epochs *epochs)
{
    free(epochs->folder);
    free(epochs->golden);
    memset(epochs, 0, sizeof(*epochs));
}

// RUN/kept/STAGE-EPOCH.safetensors; the caller frees.
static char *epochs_path(const struct epochs *epochs, uint32_t epoch)
{
    char *path = NULL;
    int length =
        asprintf(&path, "%s/%s-%u.safetensors", epochs->folder, epochs->task->stage, epoch + 1);
    return length < 0 ? NULL : path;
}

// Where the model comes from, without time, host or path: equal training, equal text. The caller
// frees.
static char *epochs_lineage(const struct epochs *epochs, uint32_t epoch,
                            const struct quality *quality)
{
    const struct trainer_task *task = epochs->task;
    static const char *const methods[] = {"base", "teacher", "clid"};
    char hash[17];
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)task->data_hash);
    struct json_value *root = json_value_new_map();
    struct json_value *data = json_value_new_map();
    json_value_set_text(data, "hash", hash);
    json_value_set_int(data, "columns", (int64_t)task->train->columns);
    json_value_set_int(data, "lists", (int64_t)task->list_count);
    json_value_set(root, "data", data);
    json_value_set_text(root, "method", methods[task->config->method]);
    json_value_set_text(root, "stage", task->stage);
    json_value_set_int(root, "seed", task->config->train_seed);
    json_value_set_int(root, "epoch", (int64_t)epoch + 1);
    if (task->teacher_sha256 != NULL)
        json_value_set_text(root, "teacher_sha256", task->teacher_sha256);
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

MUST_USE static enum status epochs_write(struct epochs *epochs, const struct scorer *scorer,
                                         uint32_t epoch, const struct quality *quality,
                                         struct diag *reterr)
{
    char *path = epochs_path(epochs, epoch), *lineage = epochs_lineage(epochs, epoch, quality);
    enum status code =
        path == NULL || lineage == NULL
            ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
            : export_write(scorer, path, epochs->golden, epochs->golden_rows, lineage, reterr);
    free(path);
    free(lineage);
    return code;
}

MUST_USE static enum status epochs_tell(const struct epochs *epochs, const struct state *state,
                                        const struct quality *quality, bool candidate,
                                        struct diag *reterr)
{
    const struct trainer_task *task = epochs->task;
    double docs = state->sums[3], lr = train_config_lr(task->config, state->epoch);
    struct json_value *line = json_value_new_map();
    struct json_value *train = json_value_new_map();
    json_value_set_number(train, "loss", state->sums[0] / docs);
    json_value_set_number(train, "point_ce", state->sums[1] / docs);
    if (task->teacher != NULL)
        json_value_set_number(train, "kl", state->sums[2] / docs);
    json_value_set_int(train, "docs", (int64_t)docs);
    json_value_set_text(line, "stage", task->stage);
    json_value_set_int(line, "epoch", (int64_t)state->epoch + 1);
    json_value_set_int(line, "steps", (int64_t)state->step);
    json_value_set_number(line, "lr", lr);
    json_value_set(line, "train", train);
    json_value_set(line, "valid", quality_to_json(quality));
    json_value_set_bool(line, "candidate", candidate);
    LOG_EACH(LOG_INFO, "epoch", LOG_S("stage", task->stage), LOG_I("epoch", state->epoch + 1),
             LOG_F("lr", lr), LOG_F("loss", state->sums[0] / docs),
             LOG_F("ndcg10", quality->ndcg10), LOG_F("logloss", quality->logloss),
             LOG_F("pcoc", quality->pcoc));
    return history_write(task->history, line, reterr);
}

enum status epochs_close(struct epochs *epochs, struct net_train *net, struct state *state,
                         struct diag *reterr)
{
    const struct trainer_task *task = epochs->task;
    struct scorer scorer;
    struct quality quality;
    TRY(export_scorer(net, task->role, task->schema, task->kernels, &scorer, reterr));
    enum status code = scoreset_score(task->valid, &scorer, task->team, reterr);
    if (code == STATUS_OK)
        code = scoreset_quality(task->valid, &scorer.checkpoint.calibrate, &quality, reterr);
    bool candidate = false;
    if (code == STATUS_OK) {
        struct keep_epoch epoch = {state->epoch, quality.ndcg10, quality.logloss};
        candidate = keep_offer(&state->keep, epoch, epochs->dropped, &epochs->dropped_count);
    }
    if (candidate)
        code = epochs_write(epochs, &scorer, state->epoch, &quality, reterr);
    export_fini(&scorer);
    return code == STATUS_OK ? epochs_tell(epochs, state, &quality, candidate, reterr) : code;
}

enum status epochs_drop(struct epochs *epochs, struct diag *reterr)
{
    enum status code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < epochs->dropped_count; i++) {
        char *path = epochs_path(epochs, epochs->dropped[i]);
        code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                            : file_remove(path, reterr);
        free(path);
    }
    epochs->dropped_count = 0;
    return code;
}

enum status epochs_finish(struct epochs *epochs, const struct keep *keep, struct diag *reterr)
{
    const struct keep_epoch *winner = keep_winner(keep);
    if (winner == NULL)
        return diag_set(reterr, STATUS_INTERNAL, "no epoch was kept");
    char *from = epochs_path(epochs, winner->epoch), *to = NULL;
    struct file_bytes bytes = {0};
    enum status code = STATUS_OK;
    if (from == NULL ||
        asprintf(&to, "%s/%s.safetensors", epochs->task->folder, epochs->task->stage) < 0) {
        to = NULL;
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    // A resumed run that had ended has its result, and its candidates are gone.
    bool ended = code == STATUS_OK && !file_exists(from) && file_exists(to);
    if (code == STATUS_OK && !ended)
        code = file_read(from, SIZE_MAX / 2, 0, &bytes, reterr);
    if (code == STATUS_OK && !ended)
        code = file_write_atomic(to, bytes.data, bytes.size, reterr);
    file_free(&bytes);
    LOG_EVENT(LOG_INFO, "epoch kept", LOG_S("stage", epochs->task->stage),
              LOG_I("epoch", winner->epoch + 1), LOG_F("ndcg10", winner->ndcg),
              LOG_F("logloss", winner->logloss));
    free(from);
    free(to);
    return code;
}
