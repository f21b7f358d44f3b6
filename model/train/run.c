#include "model/train/run.h"

#include "base/file.h"
#include "base/log.h"
#include "model/kernels/blas.h"
#include "model/train/encoding.h"
#include "model/train/loss_mass.h"
#include "model/train/measure.h"
#include "model/train/state.h"
#include "model/train/traindata_check.h"
#include "model/train/trainer.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUN_MAX_TEXT = 4 << 20 };

struct run {
    const struct train_config *config;
    const char *folder;
    struct run_options options;
    const struct method *method;
    bool joint;
    struct buf identity;
    struct warm warm;                 // what was fitted before: in another run, or in this one
    char warm_sha256[DIGEST_HEX + 1]; // of the state that the run began with; "": with nothing
    struct traindata data;
    const struct kernels *kernels;
    struct team *team;
    struct history history;
    char *state_path, *teacher_path, *student_path;
    char *saved_stage; // of the state that is resumed, or NULL
    float *teacher_logit;
    double teacher_log_mass;
    char teacher_sha256[DIGEST_HEX + 1];
};

static char *run_path(const struct run *run, const char *name)
{
    return file_join(run->folder, name);
}

// What killed runs left half written: in the run's own folder, and in its caches if they are there
// and not in a folder that others may use now.
MUST_USE static enum status run_sweep(const struct run *run, struct diag *reterr)
{
    const char *cache = run->config->data_cache;
    TRY(file_sweep(run->folder, reterr));
    if (cache[0] == '/' || strstr(cache, "..") != NULL)
        return STATUS_OK;
    char *caches = run_path(run, cache);
    struct stat info;
    enum status code = STATUS_OK;
    if (caches == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    else if (lstat(caches, &info) == 0 && S_ISDIR(info.st_mode))
        code = file_sweep(caches, reterr);
    free(caches);
    return code;
}

// The folder is made, or shown to hold nothing that would be overwritten.
MUST_USE static enum status run_claim(struct run *run, struct diag *reterr)
{
    TRY(file_make_folder(run->folder, reterr));
    run->state_path = run_path(run, "state.safetensors");
    run->student_path = run_path(run, "student.safetensors");
    run->teacher_path = run->config->teacher[0] == '\0' ? run_path(run, "teacher.safetensors")
                                                        : strdup(run->config->teacher);
    if (run->state_path == NULL || run->student_path == NULL || run->teacher_path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    static const char *const ours[] = {"state.safetensors",   "config.yaml",
                                       "history.jsonl",       "student.safetensors",
                                       "teacher.safetensors", "kept"};
    for (size_t i = 0; !run->options.resume && i < sizeof(ours) / sizeof(*ours); i++) {
        char *path = run_path(run, ours[i]);
        bool taken = path != NULL && file_exists(path);
        free(path);
        if (taken)
            return diag_at_line(reterr, STATUS_USAGE, run->folder, 0, 0,
                                "holds %s already: go on with --resume, or name another folder",
                                ours[i]);
    }
    return run->options.resume ? run_sweep(run, reterr) : STATUS_OK;
}

MUST_USE static enum status run_write_config(const struct run *run, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, RUN_MAX_TEXT);
    train_config_yaml(run->config, &text);
    char *path = run_path(run, "config.yaml");
    enum status code = path == NULL ? STATUS_NO_MEMORY : buf_status(&text);
    if (code == STATUS_OK)
        code = file_write_atomic(path, text.data, text.size, reterr);
    else
        diag_set(reterr, code, "cannot write the configuration");
    free(path);
    buf_fini(&text);
    return code;
}

// The first line tells what repeatability depends on besides configuration and data.
MUST_USE static enum status run_begin_history(struct run *run, struct diag *reterr)
{
    struct json_value *line = json_value_new_map();
    json_value_set_text(line, "openblas", blas_version());
    json_value_set_text(line, "openblas_core", blas_core_name());
    json_value_set_text(line, "kernels", run->kernels->name);
    json_value_set_text(line, "configuration", buf_view(&run->identity).data);
    if (run->warm_sha256[0] != '\0')
        json_value_set_text(line, "warm_start", run->warm_sha256);
    return history_write(&run->history, line, reterr);
}

// Opens history.jsonl at the length that the saved state knows of, or anew.
MUST_USE static enum status run_open_history(struct run *run, struct diag *reterr)
{
    uint64_t keep = 0;
    if (run->saved_stage != NULL)
        TRY(state_history_bytes(run->state_path, &keep, reterr));
    char *path = run_path(run, "history.jsonl");
    if (path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = history_open(path, keep, &run->history, reterr);
    free(path);
    if (code == STATUS_OK && run->saved_stage == NULL)
        code = run_begin_history(run, reterr);
    return code;
}

// What the first line of the history says of the state that a resumed run once began with.
MUST_USE static enum status run_recall_warm(struct run *run, struct diag *reterr)
{
    char *path = run_path(run, "history.jsonl");
    struct file_bytes bytes = {0};
    struct json_value *line = NULL;
    if (path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = STATUS_OK;
    if (run->options.resume && file_exists(path))
        code = file_read(path, SIZE_MAX / 2, 0, &bytes, reterr);
    const char *end = bytes.size > 0 ? memchr(bytes.data, '\n', bytes.size) : NULL;
    if (code == STATUS_OK && end != NULL) {
        const struct span first = {(const char *)bytes.data,
                                   (size_t)(end - (const char *)bytes.data)};
        code = json_value_parse(first, &line, reterr);
    }
    const struct json_value *sha = line == NULL ? NULL : json_value_get(line, "warm_start");
    if (code == STATUS_OK && sha != NULL && json_value_kind(sha) == JSON_VALUE_TEXT)
        snprintf(run->warm_sha256, sizeof(run->warm_sha256), "%s", json_value_text(sha).data);
    json_value_free(line);
    file_free(&bytes);
    free(path);
    return code;
}

// Opens the data with what was fitted for them: by the run that this one begins with, or, on
// --resume, by itself.
MUST_USE static enum status run_open_data(struct run *run, struct diag *reterr)
{
    const bool resumed = run->options.resume && file_exists(run->state_path);
    const char *from = resumed ? run->state_path : run->options.warm_start;
    if (from != NULL && !resumed && run->method->teacher[0] != '\0' && !run->joint &&
        run->config->teacher[0] == '\0')
        return diag_at_path(reterr, STATUS_CONFIG, "mode",
                            "a warm start goes on with one model or, in mode joint, with two: name "
                            "the teacher's file in `teacher`, or train jointly");
    if (resumed)
        TRY(state_check_identity(run->state_path, buf_view(&run->identity).data, reterr));
    TRY(run_recall_warm(run, reterr));
    if (run->warm_sha256[0] != '\0' && from == NULL)
        return diag_at_line(reterr, STATUS_USAGE, run->folder, 0, 0,
                            "was begun with another run's state and stopped before its own was "
                            "saved: give --warm-start again");
    if (from != NULL)
        TRY(warm_open(from, &run->warm, reterr));
    if (from != NULL && !resumed)
        snprintf(run->warm_sha256, sizeof(run->warm_sha256), "%s", run->warm.sha256);
    return traindata_open(run->config, run->folder, from == NULL ? NULL : &run->warm, &run->data,
                          reterr);
}

MUST_USE static enum status run_open(struct run *run, struct diag *reterr)
{
    TRY(run_claim(run, reterr));
    TRY(kernels_choose("auto", &run->kernels, reterr));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = run->config->train_threads > 0 ? (unsigned)run->config->train_threads
                       : cores > 0                    ? (unsigned)cores
                                                      : 1;
    run->team = team_start(threads);
    if (run->team == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "cannot start %u threads", threads);
    train_config_identity(run->config, &run->identity);
    if (buf_status(&run->identity) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(run_open_data(run, reterr));
    TRY(traindata_check_lists(&run->data, run->method, "method", reterr));
    traindata_check_features(&run->data);
    if (run->options.resume && file_exists(run->state_path))
        TRY(state_stage(run->state_path, run->data.hash, &run->saved_stage, reterr));
    // The history stands before the configuration: what it says of a warm start must not be lost.
    TRY(run_open_history(run, reterr));
    return run_write_config(run, reterr);
}

// What the main tower of a method becomes: STAGE.safetensors.
static const char *run_stage_of(const struct method *method)
{
    return method->role == CHECKPOINT_TEACHER ? "teacher" : "student";
}

MUST_USE static enum status run_stage(struct run *run, const struct method *method,
                                      struct diag *reterr)
{
    const char *stage = run_stage_of(method);
    const bool taught = method->teacher[0] != '\0' && !run->joint;
    struct trainer_task task = {
        .config = run->config,
        .identity = buf_view(&run->identity).data,
        .stage = stage,
        .method = method,
        .joint = run->joint,
        .all = &run->data.teacher,
        .regular = &run->data.student,
        .ranges = run->data.ranges.of,
        .train = &run->data.train,
        .lists = run->data.lists,
        .list_count = run->data.list_count,
        .valid = &run->data.valid_set,
        .data_hash = run->data.hash,
        .teacher = taught ? run->teacher_logit : NULL,
        .log_mass = run->teacher_log_mass,
        .teacher_sha256 = taught ? run->teacher_sha256 : NULL,
        .kernels = run->kernels,
        .team = run->team,
        .history = &run->history,
        .folder = run->folder,
        .warm_start = run->options.warm_start,
        .warm_sha256 = run->warm_sha256,
        .resume = run->saved_stage != NULL && strcmp(run->saved_stage, stage) == 0,
    };
    LOG_EVENT(LOG_INFO, "stage", LOG_S("stage", stage), LOG_S("method", method->name),
              LOG_I("lists", task.list_count));
    return trainer_run(&task, reterr);
}

// A list that the teacher cannot score teaches nothing (spec/algorithm.md 3.7).
MUST_USE static enum status run_check_teacher(const struct run *run, const struct scoreset *set,
                                              struct diag *reterr)
{
    size_t lists = 0, first = 0;
    for (size_t i = 0; i < set->lists; i++) {
        bool finite = true;
        for (uint64_t d = set->offset[i]; d < set->offset[i + 1]; d++)
            finite = finite && isfinite(set->logit[d]);
        if (!finite && lists++ == 0)
            first = i;
    }
    if (lists == 0)
        return STATUS_OK;
    struct span qid = dataset_qid(set->dataset, first);
    return diag_at_line(reterr, STATUS_NOT_FINITE, run->teacher_path, 0, 0,
                        "gives scores that are not finite to %zu lists of the training data, "
                        "first qid %.*s",
                        lists, qid.size > 100 ? 100 : (int)qid.size, qid.data);
}

// A teacher that knows no more than the student is another method's, and the other way round:
// whoever mixes up files would measure the wrong method.
MUST_USE static enum status run_check_role(const struct run *run, const struct checkpoint *teacher,
                                           struct diag *reterr)
{
    const struct method *wanted = method_find(run->method->teacher);
    const bool privileged = wanted->sees == METHOD_SEES_ALL;
    if (teacher->role != CHECKPOINT_TEACHER)
        return diag_at_line(reterr, STATUS_CONFIG, run->teacher_path, 0, 0,
                            "is a student, not a teacher");
    if (schema_has_privileged(&teacher->schema) != privileged)
        return diag_at_line(reterr, STATUS_CONFIG, run->teacher_path, 0, 0,
                            "%s privileged features: method %s distils from a model of method %s",
                            privileged ? "sees no" : "sees", run->method->name, wanted->name);
    return STATUS_OK;
}

// A teacher from elsewhere must read the cells of these data as they were made.
MUST_USE static enum status run_check_cells(const struct run *run, const struct checkpoint *teacher,
                                            struct diag *reterr)
{
    struct diag why = {0};
    char text[512];
    const struct dataset *train = &run->data.train;
    if (train->schema == NULL ||
        encoding_covers(train->schema, &teacher->schema, &why) == STATUS_OK)
        return STATUS_OK;
    return diag_at_line(reterr, STATUS_CONFIG, run->teacher_path, 0, 0,
                        "reads features in another form than these data have them: %s",
                        diag_format(&why, text, sizeof(text)));
}

// The frozen teacher's logit of every training document, by the serving form.
MUST_USE static enum status run_teach(struct run *run, struct diag *reterr)
{
    struct scorer scorer;
    struct scoreset set = {0};
    TRY(scorer_load(run->teacher_path, run->kernels, &scorer, reterr));
    enum status code = run_check_role(run, &scorer.checkpoint, reterr);
    if (code == STATUS_OK)
        code = run_check_cells(run, &scorer.checkpoint, reterr);
    if (code == STATUS_OK)
        code = scoreset_init(&set, &run->data.train, NULL, 0, reterr);
    if (code == STATUS_OK)
        code = scoreset_score(&set, &scorer, run->team, reterr);
    if (code == STATUS_OK)
        code = run_check_teacher(run, &set, reterr);
    if (code == STATUS_OK) {
        memcpy(run->teacher_sha256, scorer.checkpoint.sha256, sizeof(run->teacher_sha256));
        run->teacher_log_mass =
            loss_mass_log_mean(set.logit, set.offset, run->data.lists, run->data.list_count);
        run->teacher_logit = set.logit;
        set.logit = NULL;
    }
    scoreset_fini(&set);
    scorer_fini(&scorer);
    return code;
}

// Teacher, then student, from where a saved state says the run is.
MUST_USE static enum status run_stages(struct run *run, struct diag *reterr)
{
    const struct method *method = run->method;
    if (method->teacher[0] == '\0' || run->joint)
        return run_stage(run, method, reterr);
    bool at_student = run->saved_stage != NULL && strcmp(run->saved_stage, "student") == 0;
    if (run->config->teacher[0] == '\0' && !at_student)
        TRY(run_stage(run, method_find(method->teacher), reterr));
    TRY(run_teach(run, reterr));
    if (at_student)
        TRY(state_check_teacher(run->state_path, run->teacher_sha256, reterr));
    return run_stage(run, method, reterr);
}

// The candidates of both stages are over once the results stand beside them.
MUST_USE static enum status run_clean(const struct run *run, struct diag *reterr)
{
    char *folder = run_path(run, "kept");
    if (folder == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    DIR *stream = opendir(folder);
    enum status code = STATUS_OK;
    for (struct dirent *entry; code == STATUS_OK && stream != NULL && (entry = readdir(stream));) {
        if (strncmp(entry->d_name, "teacher-", 8) != 0 &&
            strncmp(entry->d_name, "student-", 8) != 0)
            continue;
        char *path = file_join(folder, entry->d_name);
        code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                            : file_remove(path, reterr);
        free(path);
    }
    if (stream != NULL)
        closedir(stream);
    if (rmdir(folder) != 0 && errno != ENOENT && errno != ENOTEMPTY && code == STATUS_OK)
        code = diag_errno(reterr, folder, "cannot remove");
    free(folder);
    return code == STATUS_OK ? run_sweep(run, reterr) : code;
}

// The table of measures that ends a run: each model on validation, and on the test file if there is
// one.
MUST_USE static enum status run_report(const struct run *run, struct diag *reterr)
{
    const struct traindata *data = &run->data;
    struct scoreset test = {0};
    struct measure_table table = {0};
    enum status code = STATUS_OK;
    if (data->has_test)
        code = scoreset_init(&test, &data->test, NULL, 0, reterr);
    const bool student = run->method->role == CHECKPOINT_STUDENT;
    const bool teacher = !student || run->method->teacher[0] != '\0';
    const char *const paths[] = {teacher ? run->teacher_path : NULL,
                                 student ? run->student_path : NULL};
    static const char *const names[][2] = {{"teacher, valid", "teacher, test"},
                                           {"student, valid", "student, test"}};
    for (size_t i = 0; i < 2 && code == STATUS_OK; i++) {
        struct scorer scorer;
        if (paths[i] == NULL)
            continue;
        code = scorer_load(paths[i], run->kernels, &scorer, reterr);
        if (code != STATUS_OK)
            break;
        struct scoreset valid = data->valid_set;
        code = measure_add(&table, names[i][0], &valid, &scorer, run->team, reterr);
        if (code == STATUS_OK && data->has_test)
            code = measure_add(&table, names[i][1], &test, &scorer, run->team, reterr);
        scorer_fini(&scorer);
    }
    scoreset_fini(&test);
    if (code == STATUS_OK)
        measure_print(&table, run->options.table);
    return code;
}

static void run_close(struct run *run)
{
    history_close(&run->history);
    traindata_close(&run->data);
    warm_close(&run->warm);
    if (run->team != NULL)
        team_stop(run->team);
    buf_fini(&run->identity);
    free(run->state_path);
    free(run->teacher_path);
    free(run->student_path);
    free(run->saved_stage);
    free(run->teacher_logit);
}

enum status run_train(const struct train_config *config, const char *folder,
                      const struct run_options *options, struct diag *reterr)
{
    struct run run = {.config = config,
                      .folder = folder,
                      .options = *options,
                      .method = train_config_method(config),
                      .joint = config->mode == TRAIN_CONFIG_JOINT,
                      .history = {.fd = -1}};
    buf_init(&run.identity, RUN_MAX_TEXT);
    enum status code = run_open(&run, reterr);
    if (code == STATUS_OK)
        code = run_stages(&run, reterr);
    if (code == STATUS_OK)
        code = run_clean(&run, reterr);
    if (code == STATUS_OK && options->table != NULL)
        code = run_report(&run, reterr);
    run_close(&run);
    return code;
}
