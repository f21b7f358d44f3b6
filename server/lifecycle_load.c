// What the thread of the lifecycle does: it makes residents of what plan and folders ask for.
#include "base/log.h"
#include "server/lifecycle_state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const double load_bounds[LIFECYCLE_LOAD_BOUNDS] = {0.01, 0.03, 0.1, 0.3, 1, 3, 10};

static void lock(struct lifecycle *lifecycle)
{
    pthread_mutex_lock(&lifecycle->lock);
}

static void unlock(struct lifecycle *lifecycle)
{
    pthread_mutex_unlock(&lifecycle->lock);
}

// ---- files that were refused -----------------------------------------------------------------

// False: it is not there.
static bool look_at(const char *folder, uint64_t version, struct lifecycle_file *ret_file)
{
    char path[4096];
    struct stat state;
    int length = snprintf(path, sizeof(path), "%s/%" PRIu64 "/" STORE_FILE, folder, version);
    if (length < 0 || (size_t)length >= sizeof(path) || stat(path, &state) != 0)
        return false;
    *ret_file = (struct lifecycle_file){.version = version,
                                        .device = state.st_dev,
                                        .inode = state.st_ino,
                                        .size = state.st_size,
                                        .changed = state.st_mtim};
    return true;
}

static bool same_file(const struct lifecycle_file *a, const struct lifecycle_file *b)
{
    return a->version == b->version && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool is_known_bad(const struct lifecycle_entry *entry, uint64_t version)
{
    struct lifecycle_file file;
    if (!look_at(entry->plan->folder, version, &file))
        return false;
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++)
        if (same_file(&entry->failures[i].file, &file))
            return true;
    return false;
}

static void forget(struct lifecycle_entry *entry, uint64_t version)
{
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++)
        if (entry->failures[i].file.version == version)
            entry->failures[i].file.version = 0;
}

// ---- loading ---------------------------------------------------------------------------------

static void note_success(struct lifecycle_entry *entry, const struct registry_version *version)
{
    size_t bucket = 0;
    while (bucket < LIFECYCLE_LOAD_BOUNDS && version->load_seconds > load_bounds[bucket])
        bucket++;
    entry->loads++;
    entry->load_buckets[bucket]++;
    entry->load_seconds += version->load_seconds;
    entry->last_load_s = version->loaded_at_s;
    forget(entry, version->number);
}

// `file`: as it was before it was read. Out of memory says nothing about the file, and one that is
// not there may come.
static void note_failure(struct lifecycle_entry *entry, const struct lifecycle_file *file,
                         enum status code, const struct diag *why)
{
    entry->failed_loads++;
    entry->starved = entry->starved || code == STATUS_NO_MEMORY;
    if (code == STATUS_NO_MEMORY || code == STATUS_NOT_FOUND)
        return;
    forget(entry, file->version);
    struct lifecycle_failure *failure = &entry->failures[entry->next_failure];
    entry->next_failure = (entry->next_failure + 1) % LIFECYCLE_FAILURES;
    failure->file = *file;
    snprintf(failure->words, sizeof(failure->words), "%s", why->words);
}

static void insert(struct lifecycle_entry *entry, struct registry_version *version,
                   const struct lifecycle_file *file)
{
    size_t at = entry->count;
    for (; at > 0 && entry->residents[at - 1].version->number < version->number; at--)
        entry->residents[at] = entry->residents[at - 1];
    // Needed until the policy has been looked at.
    entry->residents[at] =
        (struct lifecycle_resident){.version = version, .file = *file, .in_policy = true};
    entry->count++;
}

static void drop(struct lifecycle *lifecycle, struct lifecycle_entry *entry, size_t at)
{
    registry_version_release(lifecycle->registry, entry->residents[at].version);
    entry->count--;
    for (; at < entry->count; at++)
        entry->residents[at] = entry->residents[at + 1];
}

static bool is_labelled(const struct lifecycle_entry *entry, const struct registry_version *version)
{
    for (size_t i = 0; i < entry->label_count; i++)
        if (entry->labels[i].version == version)
            return true;
    return false;
}

static bool is_needed(const struct lifecycle_entry *entry,
                      const struct lifecycle_resident *resident)
{
    return resident->in_policy || resident->version == entry->current ||
           resident->version == entry->before || is_labelled(entry, resident->version);
}

// Under the lock: what nobody needs goes, and to make room the oldest that was asked for.
static void evict(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    for (size_t i = entry->count; i-- > 0;) {
        const struct lifecycle_resident *resident = &entry->residents[i];
        bool full = entry->count > REGISTRY_MOST_VERSIONS;
        if (!is_needed(entry, resident) && (!resident->asked || full))
            drop(lifecycle, entry, i);
    }
    for (size_t i = entry->count; i-- > 0 && entry->count > REGISTRY_MOST_VERSIONS;) {
        if (entry->residents[i].version == entry->before)
            entry->before = NULL;
        if (!is_needed(entry, &entry->residents[i]))
            drop(lifecycle, entry, i);
    }
}

// Under the lock: one too many goes, if need be the one that has just come.
static enum status make_room(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                             const struct registry_version *newcomer, struct diag *reterr)
{
    if (entry->count <= REGISTRY_MOST_VERSIONS)
        return STATUS_OK;
    evict(lifecycle, entry);
    for (size_t i = 0; entry->count > REGISTRY_MOST_VERSIONS && i < entry->count; i++)
        if (entry->residents[i].version == newcomer)
            drop(lifecycle, entry, i);
    for (size_t i = 0; i < entry->count; i++)
        if (entry->residents[i].version == newcomer)
            return STATUS_OK;
    return diag_set(reterr, STATUS_TOO_LARGE, "%d versions are resident and needed",
                    REGISTRY_MOST_VERSIONS);
}

// Without the lock: who reads the metrics does not wait for the log.
static void tell_load(const struct lifecycle_entry *entry, uint64_t version,
                      const struct registry_version *loaded, const struct diag *why)
{
    char text[1024];
    if (loaded == NULL)
        LOG_EACH(LOG_ERROR, "model version refused", LOG_S("model", entry->plan->name),
                 LOG_I("version", version), LOG_S("reason", diag_format(why, text, sizeof(text))));
    else
        LOG_EVENT(LOG_INFO, "model loaded", LOG_S("model", entry->plan->name),
                  LOG_I("version", version), LOG_S("sha256_12", loaded->sha256_12),
                  LOG_I("load_us", loaded->load_seconds * 1e6));
}

static bool is_over(struct lifecycle *lifecycle)
{
    const struct lifecycle_parts *parts = &lifecycle->parts;
    return parts->is_over != NULL && parts->is_over(parts->context);
}

// Somebody gets it: it stays what it is.
static bool in_use(const struct lifecycle_entry *entry, const struct lifecycle_resident *resident)
{
    return resident != NULL &&
           (resident->version == entry->current || is_labelled(entry, resident->version));
}

// Under the lock: the file of a resident has become another. The same content stays, other content
// takes the place of what nobody gets.
static enum status take_again(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                              struct registry_version *loaded, const struct lifecycle_file *file,
                              struct diag *reterr)
{
    struct lifecycle_resident *resident = lifecycle_resident(entry, file->version);
    if (strcmp(resident->version->sha256_12, loaded->sha256_12) == 0) {
        resident->file = *file;
        forget(entry, file->version);
        registry_version_release(lifecycle->registry, loaded);
        return STATUS_OK;
    }
    if (in_use(entry, resident)) {
        diag_set(reterr, STATUS_CORRUPT,
                 "the version is in use, with another content: publish under another number");
        note_failure(entry, file, STATUS_CORRUPT, reterr);
        registry_version_release(lifecycle->registry, loaded);
        return STATUS_CORRUPT;
    }
    if (resident->version == entry->before)
        entry->before = NULL;
    drop(lifecycle, entry, (size_t)(resident - entry->residents));
    note_success(entry, loaded);
    insert(entry, loaded, file);
    return STATUS_OK;
}

// Resident already, or loaded now. Without the lock.
static enum status ensure(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                          uint64_t version, struct diag *reterr)
{
    // Only this thread changes the residents.
    const struct lifecycle_resident *resident = lifecycle_resident(entry, version);
    struct lifecycle_file file = {.version = version};
    bool there = look_at(entry->plan->folder, version, &file);
    if (resident != NULL && (!there || same_file(&resident->file, &file)))
        return STATUS_OK;
    lock(lifecycle);
    bool stopped = lifecycle->stopped || is_over(lifecycle);
    entry->loading = stopped || resident != NULL ? 0 : version;
    unlock(lifecycle);
    if (stopped)
        return diag_set(reterr, STATUS_UNAVAILABLE, "shutting down");
    struct registry_version *loaded = NULL;
    enum status code = registry_version_load(entry->plan->folder, version, lifecycle->parts.kernels,
                                             lifecycle->parts.readers, &loaded, reterr);
    tell_load(entry, version, loaded, reterr);
    lock(lifecycle);
    entry->loading = 0;
    if (code != STATUS_OK) {
        note_failure(entry, &file, code, reterr);
    } else if (resident != NULL) {
        code = take_again(lifecycle, entry, loaded, &file, reterr);
    } else {
        note_success(entry, loaded);
        insert(entry, loaded, &file);
        code = make_room(lifecycle, entry, loaded, reterr);
    }
    unlock(lifecycle);
    if (loaded != NULL && code != STATUS_OK)
        tell_load(entry, version, NULL, reterr);
    return code;
}

// Whether the version is resident, loaded now if need be. What is in use stays so, whatever has
// become of its file. Without the lock.
static bool have(struct lifecycle *lifecycle, struct lifecycle_entry *entry, uint64_t version)
{
    struct diag diag; // told in the log
    bool good =
        !is_known_bad(entry, version) && ensure(lifecycle, entry, version, &diag) == STATUS_OK;
    return good || in_use(entry, lifecycle_resident(entry, version));
}

// ---- what the plan asks for ------------------------------------------------------------------

// The versions of the policy, resident now: flags them. Without the lock.
static void load_latest(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        const struct store_list *list, bool *wanted)
{
    unsigned found = 0;
    for (size_t i = 0; i < list->count && found < entry->plan->keep; i++) {
        wanted[i] = have(lifecycle, entry, list->versions[i]);
        found += wanted[i];
    }
}

static void load_listed(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        const struct store_list *list, bool *wanted)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < entry->plan->version_count; k++)
            if (entry->plan->versions[k] == list->versions[i])
                wanted[i] = have(lifecycle, entry, list->versions[i]);
}

static void load_labelled(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    for (size_t i = 0; i < entry->plan->label_count; i++)
        if (entry->plan->labels[i].version != 0)
            (void)have(lifecycle, entry, entry->plan->labels[i].version);
}

// Under the lock: flags the versions of the policy; returns the newest, or NULL.
static struct registry_version *mark_policy(struct lifecycle_entry *entry,
                                            const struct store_list *list, const bool *wanted)
{
    struct registry_version *newest = NULL;
    for (size_t i = 0; i < entry->count; i++)
        entry->residents[i].in_policy = false;
    for (size_t i = 0; i < list->count; i++) {
        struct lifecycle_resident *resident =
            wanted[i] ? lifecycle_resident(entry, list->versions[i]) : NULL;
        if (resident == NULL)
            continue;
        resident->in_policy = true;
        newest = newest == NULL ? resident->version : newest; // descending
    }
    return newest;
}

// What the plan gives the label, or NULL: it is not there. A rollback holds `stable`, too.
static const struct registry_version *planned(struct lifecycle_entry *entry,
                                              const struct lifecycle_label *label,
                                              const struct registry_version *newest)
{
    if (label->version == 0)
        return entry->held && strcmp(label->name, "stable") == 0 ? entry->current : newest;
    const struct lifecycle_resident *resident = lifecycle_resident(entry, label->version);
    return resident != NULL ? resident->version : NULL;
}

// A label that somebody has moved stays where it is, unless it follows the newest.
static void set_labels(struct lifecycle_entry *entry, const struct registry_version *newest)
{
    for (size_t i = 0; i < entry->plan->label_count; i++) {
        const struct lifecycle_label *label = &entry->plan->labels[i];
        const struct registry_version *version = planned(entry, label, newest);
        size_t at = lifecycle_label_at(entry, label->name);
        bool stays = at < entry->label_count && entry->moved[at] && label->version != 0;
        if (version == NULL || stays)
            continue;
        assert(at < REGISTRY_MOST_LABELS); // lifecycle_label leaves room for those of the plan
        entry->label_count += at == entry->label_count;
        snprintf(entry->labels[at].name, sizeof(entry->labels[at].name), "%s", label->name);
        entry->labels[at].version = version;
        entry->moved[at] = false;
    }
}

static bool serve(struct lifecycle_entry *entry, struct registry_version *version)
{
    if (version == NULL || version == entry->current)
        return false;
    entry->before = entry->current;
    entry->current = version;
    return true;
}

// The policy's newest serves, but for a rollback, and for what somebody has asked for since.
static void follow(struct lifecycle_entry *entry, struct registry_version *newest)
{
    const struct registry_version *current = entry->current;
    const struct lifecycle_resident *resident =
        current != NULL ? lifecycle_resident(entry, current->number) : NULL;
    bool newer =
        resident != NULL && resident->asked && (newest == NULL || newest->number < current->number);
    if (!entry->held && !newer)
        serve(entry, newest);
}

// Under the lock: the new folder has a version.
static void drop_former(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    if (entry->former == NULL || entry->current == NULL)
        return;
    lifecycle_empty(lifecycle, entry->former);
    free(entry->former);
    entry->former = NULL;
}

// Under the lock, which it leaves: what was changed is published, and then told.
static void settle(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    drop_former(lifecycle, entry);
    evict(lifecycle, entry);
    bool published = lifecycle_publish(lifecycle) == STATUS_OK;
    uint64_t before = entry->told, now = published ? lifecycle_tell(entry) : before;
    entry->starved = entry->starved || !published;
    unlock(lifecycle);
    if (!published)
        LOG_EVENT(LOG_ERROR, "no memory to publish a model", LOG_S("model", entry->plan->name));
    if (now != before)
        LOG_EACH(LOG_INFO, "model serves", LOG_S("model", entry->plan->name), LOG_I("version", now),
                 LOG_I("before", before));
}

void lifecycle_sync(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    struct store_list list = {0};
    struct diag diag;
    entry->starved = false;
    lifecycle_watch(lifecycle, entry); // first: what comes after the look is told
    enum status code = store_versions(entry->plan->folder, &list, &diag);
    if (code != STATUS_OK) {
        char text[1024];
        entry->starved = code == STATUS_NO_MEMORY;
        LOG_EVENT(LOG_ERROR, "model folder cannot be read", LOG_S("model", entry->plan->name),
                  LOG_S("reason", diag_format(&diag, text, sizeof(text))));
        return;
    }
    bool *wanted = calloc(list.count + 1, sizeof(*wanted));
    entry->starved = wanted == NULL;
    if (wanted != NULL) {
        if (entry->plan->keep > 0)
            load_latest(lifecycle, entry, &list, wanted);
        else
            load_listed(lifecycle, entry, &list, wanted);
        load_labelled(lifecycle, entry);
        lock(lifecycle);
        struct registry_version *newest = mark_policy(entry, &list, wanted);
        follow(entry, newest);
        set_labels(entry, newest);
        settle(lifecycle, entry);
    }
    free(wanted);
    store_list_fini(&list);
    (void)registry_reclaim(lifecycle->registry); // before the next model is loaded
}

// ---- what somebody asks for ------------------------------------------------------------------

static enum status load_newest(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                               uint64_t *ret_version, struct diag *reterr)
{
    struct store_list list = {0};
    TRY(store_versions(entry->plan->folder, &list, reterr));
    uint64_t newest = list.count > 0 ? list.versions[0] : 0;
    store_list_fini(&list);
    if (newest == 0)
        return diag_set(reterr, STATUS_NOT_FOUND, "the folder has no version");
    enum status code = ensure(lifecycle, entry, newest, reterr);
    if (code == STATUS_OK) { // what fails does not end a rollback's hold
        lock(lifecycle);
        entry->held = false;
        if (entry->plan->keep == 0) { // the plan's list does not ask for it, somebody does
            struct lifecycle_resident *resident = lifecycle_resident(entry, newest);
            resident->asked = true;
            serve(entry, resident->version);
        }
        unlock(lifecycle);
    }
    lifecycle_sync(lifecycle, entry);
    *ret_version = newest;
    return code;
}

enum status lifecycle_load_now(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                               uint64_t version, uint64_t *ret_version, struct diag *reterr)
{
    if (version == 0)
        return load_newest(lifecycle, entry, ret_version, reterr);
    *ret_version = version;
    TRY(ensure(lifecycle, entry, version, reterr));
    lock(lifecycle);
    struct lifecycle_resident *resident = lifecycle_resident(entry, version);
    resident->asked = true;
    resident->in_policy = false; // until the folder is looked at again
    if (entry->current == NULL || version > entry->current->number) {
        entry->held = false;
        serve(entry, resident->version);
    }
    settle(lifecycle, entry);
    return STATUS_OK;
}

void lifecycle_empty(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    while (entry->count > 0)
        drop(lifecycle, entry, entry->count - 1);
    lifecycle_unwatch(lifecycle, entry);
    if (entry->former != NULL)
        lifecycle_empty(lifecycle, entry->former); // which has none
    free(entry->former);
    entry->former = NULL;
}
