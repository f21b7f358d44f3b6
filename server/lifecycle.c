#include "server/lifecycle.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/lifecycle_state.h"
#include "server/priority.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    LIFECYCLE_SETTLE_MS = 50,     // a folder has been quiet for so long
    LIFECYCLE_PATIENCE_MS = 2000, // or it is looked at all the same
    LIFECYCLE_RECLAIM_MS = 5,     // between two looks whether a replaced view is free
};

static void lock(struct lifecycle *lifecycle)
{
    pthread_mutex_lock(&lifecycle->lock);
}

static void unlock(struct lifecycle *lifecycle)
{
    pthread_mutex_unlock(&lifecycle->lock);
}

void lifecycle_wake(struct lifecycle *lifecycle)
{
    eventfd_write(lifecycle->wake_fd, 1);
}

struct lifecycle_entry *lifecycle_find(struct lifecycle *lifecycle, const char *model)
{
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        if (strcmp(lifecycle->entries[i].plan->name, model) == 0)
            return &lifecycle->entries[i];
    return NULL;
}

struct lifecycle_resident *lifecycle_resident(struct lifecycle_entry *entry, uint64_t version)
{
    for (size_t i = 0; i < entry->count; i++)
        if (entry->residents[i].version->number == version)
            return &entry->residents[i];
    return NULL;
}

bool lifecycle_plans_label(const struct lifecycle_model *model, const char *name)
{
    for (size_t i = 0; i < model->label_count; i++)
        if (strcmp(model->labels[i].name, name) == 0)
            return true;
    return false;
}

size_t lifecycle_label_at(const struct lifecycle_entry *entry, const char *name)
{
    size_t at = 0;
    while (at < entry->label_count && strcmp(entry->labels[at].name, name) != 0)
        at++;
    return at;
}

// ---- views -----------------------------------------------------------------------------------

static const struct registry_version *label_of(const struct lifecycle_entry *entry,
                                               const char *name)
{
    size_t at = lifecycle_label_at(entry, name);
    if (at < entry->label_count)
        return entry->labels[at].version;
    return NULL;
}

const struct registry_version *lifecycle_serving(const struct lifecycle_entry *entry)
{
    const struct registry_version *stable = label_of(entry, "stable");
    return stable != NULL ? stable : entry->current;
}

uint64_t lifecycle_tell(struct lifecycle_entry *entry)
{
    const struct registry_version *serving = lifecycle_serving(entry);
    entry->told = serving != NULL ? serving->number : 0;
    return entry->told;
}

static void fill_model(const struct lifecycle_entry *entry, struct registry_model *model)
{
    snprintf(model->name, sizeof(model->name), "%s", entry->plan->name);
    if (lifecycle_serving(entry) == NULL && entry->former != NULL)
        entry = entry->former;
    model->current = lifecycle_serving(entry);
    for (; model->count < entry->count; model->count++)
        model->versions[model->count] = entry->residents[model->count].version;
    for (; model->label_count < entry->label_count; model->label_count++)
        model->labels[model->label_count] = entry->labels[model->label_count];
}

enum status lifecycle_publish(struct lifecycle *lifecycle)
{
    struct registry_view *view = registry_view_new(lifecycle->plan.count);
    if (view == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        fill_model(&lifecycle->entries[i], &view->models[i]);
    registry_publish(lifecycle->registry, view);
    return STATUS_OK;
}

// ---- the thread ------------------------------------------------------------------------------

static struct lifecycle_command *next_command(struct lifecycle *lifecycle)
{
    lock(lifecycle);
    struct lifecycle_command *command = lifecycle->first;
    if (command != NULL) {
        lifecycle->first = command->next;
        if (lifecycle->first == NULL)
            lifecycle->last = &lifecycle->first;
    }
    unlock(lifecycle);
    return command;
}

enum status lifecycle_no_model(const char *model, struct diag *reterr)
{
    return diag_at_path(reterr, STATUS_NOT_FOUND, "model", "no model \"%s\" is in the plan", model);
}

static void do_command(struct lifecycle *lifecycle, struct lifecycle_command *command)
{
    struct diag diag = {0};
    uint64_t version = command->version;
    struct lifecycle_entry *entry = lifecycle_find(lifecycle, command->model);
    enum status code =
        entry == NULL ? lifecycle_no_model(command->model, &diag)
                      : lifecycle_load_now(lifecycle, entry, command->version, &version, &diag);
    command->done(command->context, code, version, code == STATUS_OK ? NULL : &diag);
    free(command);
}

static bool is_stopped(struct lifecycle *lifecycle)
{
    lock(lifecycle);
    bool stopped = lifecycle->stopped;
    unlock(lifecycle);
    return stopped;
}

static void sync_all(struct lifecycle *lifecycle)
{
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        lifecycle_sync(lifecycle, &lifecycle->entries[i]);
}

// Waits for something to do, at most `timeout_ms` (-1: for ever). True: a folder has changed, and
// has been quiet since for a moment.
static bool wait_for_work(struct lifecycle *lifecycle, int timeout_ms)
{
    struct pollfd probes[] = {{.fd = lifecycle->wake_fd, .events = POLLIN},
                              {.fd = lifecycle->inotify_fd, .events = POLLIN}};
    poll(probes, 2, timeout_ms);
    eventfd_t ignored;
    (void)eventfd_read(lifecycle->wake_fd, &ignored);
    if (lifecycle->inotify_fd < 0 || !lifecycle_watch_read(lifecycle))
        return false;
    uint64_t begun_ns = tick_ns();
    while (!is_stopped(lifecycle) &&
           tick_ns() - begun_ns < (uint64_t)LIFECYCLE_PATIENCE_MS * 1000000 &&
           poll(&probes[1], 1, LIFECYCLE_SETTLE_MS) > 0)
        (void)lifecycle_watch_read(lifecycle);
    return true;
}

static void take_plan(struct lifecycle *lifecycle)
{
    lock(lifecycle);
    struct lifecycle_plan plan = lifecycle->next_plan;
    lifecycle->next_plan = (struct lifecycle_plan){.models = NULL};
    unlock(lifecycle);
    if (plan.models == NULL)
        return;
    enum status code = lifecycle_adopt(lifecycle, &plan);
    if (code == STATUS_OK)
        return;
    if (is_stopped(lifecycle)) {
        lifecycle_plan_fini(&plan);
        return;
    }
    const char *why = code == STATUS_NO_MEMORY ? "no memory for the new ones"
                                               : "no model of the new plan can be loaded";
    LOG_EVENT(LOG_ERROR, "the old models stay", LOG_S("why", why), LOG_I("models", plan.count));
    lifecycle_plan_fini(&plan);
}

static void *run(void *argument)
{
    struct lifecycle *lifecycle = argument;
    uint64_t rescan_ns = (uint64_t)lifecycle->parts.rescan_s * 1000000000, looked_ns = tick_ns();
    priority_behind();
    for (bool busy = false;;) {
        bool clean = registry_reclaim(lifecycle->registry);
        int timeout_ms = busy            ? 0
                         : !clean        ? LIFECYCLE_RECLAIM_MS
                         : rescan_ns > 0 ? (int)(rescan_ns / 1000000)
                                         : -1;
        bool changed = wait_for_work(lifecycle, timeout_ms);
        lock(lifecycle);
        bool due = rescan_ns > 0 && tick_ns() - looked_ns >= rescan_ns;
        bool rescan = lifecycle->rescan || changed || due;
        lifecycle->rescan = false;
        unlock(lifecycle);
        if (is_stopped(lifecycle))
            return NULL;
        take_plan(lifecycle);
        if (rescan) {
            sync_all(lifecycle);
            looked_ns = tick_ns();
        }
        // One, and then what came of it is freed and everything else has its turn.
        struct lifecycle_command *command = next_command(lifecycle);
        busy = command != NULL;
        if (busy)
            do_command(lifecycle, command);
    }
}

// ---- start and end ---------------------------------------------------------------------------

// Why nothing serves: of the version, 0: the newest that was refused. NULL: nobody knows.
static const struct lifecycle_failure *failure_of(const struct lifecycle_entry *entry,
                                                  uint64_t version)
{
    const struct lifecycle_failure *found = NULL;
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++) {
        uint64_t refused = entry->failures[i].file.version;
        if (version != 0 ? refused == version : refused > (found != NULL ? found->file.version : 0))
            found = &entry->failures[i];
    }
    return found;
}

// Whether something serves.
static enum status check_entry(const struct lifecycle_entry *entry, struct diag *reterr)
{
    const char *folder = entry->plan->folder, *name = entry->plan->name;
    uint64_t stable = lifecycle_plans_stable(entry->plan);
    const struct lifecycle_failure *failure = failure_of(entry, stable);
    if (entry->starved)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for model '%s'", name);
    if (lifecycle_serving(entry) != NULL)
        return STATUS_OK;
    if (stable != 0)
        return diag_set(reterr, STATUS_CONFIG,
                        "%s: model '%s' has no valid version %" PRIu64 ", which is to be stable: "
                        "%s",
                        folder, name, stable, failure != NULL ? failure->words : "it is not there");
    if (failure == NULL)
        return diag_set(reterr, STATUS_CONFIG, "%s: model '%s' has no version %s", folder, name,
                        entry->plan->keep > 0 ? "N/" STORE_FILE : "of those that are listed");
    return diag_set(reterr, STATUS_CONFIG,
                    "%s: model '%s' has no valid version; of version %" PRIu64 ": %s", folder, name,
                    failure->file.version, failure->words);
}

static enum status open_all(struct lifecycle *lifecycle, struct diag *reterr)
{
    lifecycle->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lifecycle->wake_fd < 0)
        return diag_errno(reterr, "", "eventfd");
    if (!lifecycle->parts.watch)
        return STATUS_OK;
    lifecycle->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return lifecycle->inotify_fd >= 0 ? STATUS_OK : diag_errno(reterr, "model.watch", "inotify");
}

static enum status start(struct lifecycle *lifecycle, const struct lifecycle_plan *plan,
                         struct diag *reterr)
{
    struct lifecycle_plan copy;
    TRY(open_all(lifecycle, reterr));
    TRY(lifecycle_plan_copy(plan, &copy, reterr));
    if (lifecycle_adopt(lifecycle, &copy) != STATUS_OK) {
        lifecycle_plan_fini(&copy);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    }
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        TRY(check_entry(&lifecycle->entries[i], reterr));
    if (pthread_create(&lifecycle->thread, NULL, run, lifecycle) != 0)
        return diag_set(reterr, STATUS_IO, "the thread that loads models cannot be made");
    lifecycle->started = true;
    return STATUS_OK;
}

enum status lifecycle_start(struct registry *registry, const struct lifecycle_plan *plan,
                            const struct lifecycle_parts *parts, struct lifecycle **ret_lifecycle,
                            struct diag *reterr)
{
    struct lifecycle *lifecycle = calloc(1, sizeof(*lifecycle));
    if (lifecycle == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    pthread_mutex_init(&lifecycle->lock, NULL);
    lifecycle->registry = registry;
    lifecycle->parts = *parts;
    lifecycle->wake_fd = lifecycle->inotify_fd = -1;
    lifecycle->last = &lifecycle->first;
    enum status code = start(lifecycle, plan, reterr);
    if (code != STATUS_OK) {
        lifecycle_stop(lifecycle);
        lifecycle_free(lifecycle);
        return code;
    }
    *ret_lifecycle = lifecycle;
    return STATUS_OK;
}

enum status lifecycle_stopping(struct diag *reterr)
{
    return diag_set(reterr, STATUS_UNAVAILABLE, "shutting down");
}

void lifecycle_refuse(struct lifecycle *lifecycle)
{
    lock(lifecycle);
    lifecycle->stopped = true;
    unlock(lifecycle);
    for (struct lifecycle_command *command; (command = next_command(lifecycle)) != NULL;) {
        struct diag diag;
        command->done(command->context, lifecycle_stopping(&diag), 0, &diag);
        free(command);
    }
}

void lifecycle_stop(struct lifecycle *lifecycle)
{
    if (lifecycle == NULL)
        return;
    lifecycle_refuse(lifecycle);
    if (lifecycle->started) {
        lifecycle_wake(lifecycle);
        pthread_join(lifecycle->thread, NULL);
    }
    lifecycle->started = false;
}

void lifecycle_free(struct lifecycle *lifecycle)
{
    if (lifecycle == NULL)
        return;
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        lifecycle_empty(lifecycle, &lifecycle->entries[i]);
    if (lifecycle->wake_fd >= 0)
        close(lifecycle->wake_fd);
    if (lifecycle->inotify_fd >= 0)
        close(lifecycle->inotify_fd);
    free(lifecycle->entries);
    lifecycle_plan_fini(&lifecycle->plan);
    lifecycle_plan_fini(&lifecycle->next_plan);
    pthread_mutex_destroy(&lifecycle->lock);
    free(lifecycle);
}

// ---- what others ask for ---------------------------------------------------------------------

enum status lifecycle_configure(struct lifecycle *lifecycle, const struct lifecycle_plan *plan,
                                struct diag *reterr)
{
    struct lifecycle_plan copy;
    TRY(lifecycle_plan_copy(plan, &copy, reterr));
    lock(lifecycle);
    struct lifecycle_plan older = lifecycle->next_plan;
    lifecycle->next_plan = copy;
    unlock(lifecycle);
    lifecycle_plan_fini(&older);
    lifecycle_wake(lifecycle);
    return STATUS_OK;
}

void lifecycle_rescan(struct lifecycle *lifecycle)
{
    lock(lifecycle);
    lifecycle->rescan = true;
    unlock(lifecycle);
    lifecycle_wake(lifecycle);
}

void lifecycle_load(struct lifecycle *lifecycle, const char *model, uint64_t version,
                    lifecycle_done_fn *done, void *context)
{
    struct diag diag = {0};
    struct lifecycle_command *command = calloc(1, sizeof(*command));
    if (command == NULL) {
        done(context, diag_set(&diag, STATUS_NO_MEMORY, "no memory"), 0, &diag);
        return;
    }
    *command = (struct lifecycle_command){.version = version, .done = done, .context = context};
    snprintf(command->model, sizeof(command->model), "%s", model);
    lock(lifecycle);
    bool stopped = lifecycle->stopped;
    if (!stopped) {
        *lifecycle->last = command;
        lifecycle->last = &command->next;
    }
    unlock(lifecycle);
    if (!stopped) {
        lifecycle_wake(lifecycle);
        return;
    }
    free(command);
    done(context, lifecycle_stopping(&diag), 0, &diag);
}
