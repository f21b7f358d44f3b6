#include "model/train/experiment_run.h"

#include "base/file.h"
#include "base/log.h"
#include "base/tick.h"
#include "model/train/experiment_choice.h"
#include "model/train/experiment_record.h"
#include "model/train/run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool experiment_run_is_busy(const struct experiment *experiment,
                            const struct experiment_entry *entry)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = experiment_plan_path(experiment, entry, "lock");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    bool busy = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    free(path);
    return busy;
}

struct one {
    const struct experiment *experiment;
    const struct experiment_plan *plan;
    const struct experiment_entry *entry;
    struct experiment_outcome outcome;
    char *folder, *teacher, *cache; // teacher: its checkpoint, "" without one
    char words[512];
    int lock;
};

// No process but this one works in the folder; the lock goes with the process. Who only asks
// (experiment_run_is_busy) does not hold it, not even for a moment.
MUST_USE static enum status one_lock(struct one *one, struct diag *reterr)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = experiment_plan_path(one->experiment, one->entry, "lock");
    if (path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    one->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    enum status code = STATUS_OK;
    if (one->lock < 0)
        code = diag_errno(reterr, path, "cannot open");
    else if (fcntl(one->lock, F_OFD_SETLK, &lock) != 0)
        code = errno == EAGAIN || errno == EACCES
                   ? diag_set(reterr, STATUS_UNAVAILABLE, "%s is in work by another process",
                              one->entry->id)
                   : diag_errno(reterr, path, "cannot lock");
    free(path);
    return code;
}

static void one_diverged(struct one *one, const struct diag *diag)
{
    snprintf(one->words, sizeof(one->words), "%s", diag->words);
    one->outcome.words = one->words;
}

// The setting of a run of another seed is the chosen one.
MUST_USE static enum status one_choose(struct one *one, struct diag *reterr)
{
    if (one->entry->search) {
        one->outcome.setting = one->entry->setting;
        return STATUS_OK;
    }
    struct experiment_choice choice;
    enum status code =
        experiment_choice_make(one->experiment, one->plan, one->entry->method, &choice, reterr);
    if (code == STATUS_NOT_FINITE) {
        one_diverged(one, reterr);
        return STATUS_OK;
    }
    if (code == STATUS_OK)
        one->outcome.setting = one->plan->entries[choice.entry].setting;
    return code;
}

// The checkpoint of the teacher of the same seed and share of the lists.
MUST_USE static enum status one_find_teacher(struct one *one, struct diag *reterr)
{
    const struct method *method = one->entry->method;
    if (method->teacher[0] == '\0') {
        one->teacher = strdup("");
        return one->teacher == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                    : STATUS_OK;
    }
    ptrdiff_t index;
    struct experiment_record record;
    enum status code =
        experiment_choice_teacher(one->experiment, one->plan, one->entry, &index, reterr);
    if (code == STATUS_OK)
        code = experiment_record_load(one->experiment, &one->plan->entries[index], &record, reterr);
    if (code == STATUS_OK && record.diverged)
        code = diag_set(reterr, STATUS_NOT_FINITE, "its teacher diverged");
    if (code == STATUS_NOT_FINITE) {
        one_diverged(one, reterr);
        one->teacher = strdup("");
        return STATUS_OK;
    }
    if (code == STATUS_OK &&
        (one->teacher = experiment_plan_path(one->experiment, &one->plan->entries[index],
                                             "teacher.safetensors")) == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return code;
}

MUST_USE static enum status one_train(struct one *one, struct diag *reterr)
{
    const struct experiment_setting *setting = &one->outcome.setting;
    struct train_config config = one->experiment->config.train;
    config.method = (int)method_index(one->entry->method);
    config.teacher = one->teacher;
    config.data_cache = one->cache;
    config.train_seed = one->entry->seed;
    experiment_plan_share(one->entry, &config);
    config.train_lr = setting->lr;
    // Many runs at a time, each on one core, serve two cores better than one run on both.
    config.train_threads = 1;
    if (!isnan(setting->ratio)) {
        config.loss_ratio = setting->ratio;
        config.loss_alpha = -1;
    }
    if (!isnan(setting->tau))
        config.loss_tau = setting->tau;
    if (config.mode == TRAIN_CONFIG_JOINT && one->entry->method->teacher[0] == '\0')
        config.mode = TRAIN_CONFIG_TWO_STAGE;
    const struct run_options options = {.resume = true, .table = NULL};
    enum status code = run_train(&config, one->folder, &options, reterr);
    if (code != STATUS_NOT_FINITE)
        return code;
    one_diverged(one, reterr);
    return STATUS_OK;
}

// What only a run that is not over needs.
MUST_USE static enum status one_clean(const struct one *one, struct diag *reterr)
{
    char *state = experiment_plan_path(one->experiment, one->entry, "state.safetensors");
    enum status code = state == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                     : file_remove(state, reterr);
    free(state);
    return code;
}

// How long the training took, apart from the record, which must not depend on it.
MUST_USE static enum status one_write_seconds(const struct one *one, double seconds,
                                              struct diag *reterr)
{
    char text[352];
    int length = snprintf(text, sizeof(text), "{\"seconds\": %.3f}\n", seconds);
    char *path = experiment_plan_path(one->experiment, one->entry, "seconds.json");
    enum status code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                    : file_write_atomic(path, text, (size_t)length, reterr);
    free(path);
    return code;
}

MUST_USE static enum status one_do(struct one *one, struct diag *reterr)
{
    uint64_t start_ns = tick_ns();
    TRY(one_choose(one, reterr));
    TRY(one_find_teacher(one, reterr));
    if (one->outcome.words == NULL)
        TRY(one_train(one, reterr));
    TRY(one_write_seconds(one, tick_seconds_since(start_ns), reterr));
    TRY(experiment_record_write(one->experiment, one->entry, &one->outcome, reterr));
    return one_clean(one, reterr);
}

MUST_USE static enum status one_open(struct one *one, struct diag *reterr)
{
    one->folder = experiment_plan_path(one->experiment, one->entry, NULL);
    one->cache = experiment_path(one->experiment, "cache");
    if (one->folder == NULL || one->cache == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    TRY(file_make_folder(one->folder, reterr));
    TRY(one_lock(one, reterr));
    return file_sweep(one->folder, reterr);
}

void experiment_run_tell_stopped(const struct experiment_entry *entry)
{
    LOG_EVENT(LOG_WARN, "teacher not better than base on validation: not distilled",
              LOG_S("run", entry->id), LOG_S("all_the_same", "experiment.teacher_check: warn"));
}

enum status experiment_run(const struct experiment *experiment, struct experiment_plan *plan,
                           size_t index, struct diag *reterr)
{
    const struct experiment_entry *entry = &plan->entries[index];
    ptrdiff_t blocker = experiment_plan_blocker(plan, index);
    if (blocker != EXPERIMENT_NONE)
        return diag_set(reterr, STATUS_UNAVAILABLE, "run %zu, %s, needs run %td, %s, first", index,
                        entry->id, blocker, plan->entries[blocker].id);
    bool stops;
    TRY(experiment_choice_stops(experiment, plan, entry->method, &stops, reterr));
    if (stops) {
        experiment_run_tell_stopped(entry);
        return STATUS_OK;
    }
    const double none = (double)NAN;
    struct one one = {.experiment = experiment,
                      .plan = plan,
                      .entry = entry,
                      .outcome = {.setting = {none, none, none}},
                      .lock = -1};
    enum status code = one_open(&one, reterr);
    // Another process may have finished it since the plan was made.
    experiment_plan_look(experiment, plan);
    if (code == STATUS_OK && !entry->finished)
        code = one_do(&one, reterr);
    if (one.lock >= 0)
        close(one.lock);
    free(one.folder);
    free(one.teacher);
    free(one.cache);
    return code;
}
