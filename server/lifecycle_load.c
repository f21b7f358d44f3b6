// How versions become residents and go, and what is known of their files.
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

// ---- files, and those that were refused ------------------------------------------------------

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
                                        .changed = state.st_ctim};
    return true;
}

static bool same_file(const struct lifecycle_file *a, const struct lifecycle_file *b)
{
    return a->version == b->version && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
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

// Out of memory says nothing about a file, nor does the end; and one that is not there may come.
static bool is_verdict(enum status code)
{
    return code != STATUS_OK && code != STATUS_NO_MEMORY && code != STATUS_NOT_FOUND &&
           code != STATUS_UNAVAILABLE;
}

// `file`: as it was before it was read.
static void note_failure(struct lifecycle_entry *entry, const struct lifecycle_file *file,
                         enum status code, const struct diag *why)
{
    entry->failed_loads++;
    entry->starved = entry->starved || code == STATUS_NO_MEMORY;
    if (!is_verdict(code))
        return;
    forget(entry, file->version);
    struct lifecycle_failure *failure = &entry->failures[entry->next_failure];
    entry->next_failure = (entry->next_failure + 1) % LIFECYCLE_FAILURES;
    failure->file = *file;
    failure->in_use = false;
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

void lifecycle_drop(struct lifecycle *lifecycle, struct lifecycle_entry *entry, size_t at)
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

void lifecycle_evict(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    for (size_t i = entry->count; i-- > 0;)
        if (!is_needed(entry, &entry->residents[i]) && !entry->residents[i].asked)
            lifecycle_drop(lifecycle, entry, i);
}

// Under the lock: which goes to make room, the oldest that nobody needs, or if need be what served
// before; the count: none can.
static size_t spare(const struct lifecycle_entry *entry)
{
    for (int asked = 0; asked <= 1; asked++)
        for (size_t i = entry->count; i-- > 0;)
            if (!is_needed(entry, &entry->residents[i]) && entry->residents[i].asked == asked)
                return i;
    for (size_t i = entry->count; i-- > 0;) {
        const struct lifecycle_resident *resident = &entry->residents[i];
        if (resident->version == entry->before && !resident->in_policy &&
            resident->version != entry->current && !is_labelled(entry, resident->version))
            return i;
    }
    return entry->count;
}

bool lifecycle_has_room(const struct lifecycle_entry *entry)
{
    return entry->count < REGISTRY_MOST_VERSIONS || spare(entry) < entry->count;
}

// Under the lock, if it has room.
static void make_room(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    size_t at = spare(entry);
    if (entry->count < REGISTRY_MOST_VERSIONS)
        return;
    if (entry->residents[at].version == entry->before)
        entry->before = NULL;
    lifecycle_drop(lifecycle, entry, at);
}

static enum status refuse_crowd(struct lifecycle_entry *entry, uint64_t version,
                                struct diag *reterr)
{
    entry->crowded++;
    entry->crowded_out = version;
    return diag_set(reterr, STATUS_TOO_LARGE,
                    "there is no place for it: %d versions are resident and needed",
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

bool lifecycle_in_use(const struct lifecycle_entry *entry,
                      const struct lifecycle_resident *resident)
{
    return resident != NULL &&
           (resident->version == entry->current || is_labelled(entry, resident->version));
}

// Without the lock. What was refused for being in use is another matter once it is not.
bool lifecycle_is_bad(struct lifecycle *lifecycle, struct lifecycle_entry *entry, uint64_t version)
{
    struct lifecycle_file file;
    bool known = false;
    if (!look_at(entry->plan->folder, version, &file))
        return false;
    lock(lifecycle);
    bool used = lifecycle_in_use(entry, lifecycle_resident(entry, version));
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++)
        if (same_file(&entry->failures[i].file, &file))
            known = used || !entry->failures[i].in_use;
    unlock(lifecycle);
    return known;
}

static enum status refuse_in_use(struct lifecycle_entry *entry, const struct lifecycle_file *file,
                                 struct diag *reterr)
{
    diag_at_path(reterr, STATUS_INVALID, "version",
                 "version %" PRIu64
                 " is in use, with another content: publish under another number",
                 file->version);
    struct lifecycle_failure *failure = &entry->failures[entry->next_failure];
    note_failure(entry, file, STATUS_INVALID, reterr);
    failure->in_use = true;
    return STATUS_INVALID;
}

// Under the lock: the file of a resident has become another. The same content stays, other content
// takes the place of what nobody gets.
static enum status take_again(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                              struct registry_version *loaded, const struct lifecycle_file *file,
                              struct diag *reterr)
{
    struct lifecycle_resident *resident = lifecycle_resident(entry, file->version);
    struct registry_version *old = resident->version;
    bool same = strcmp(old->scorer.checkpoint.sha256, loaded->scorer.checkpoint.sha256) == 0;
    if (!same && lifecycle_in_use(entry, resident)) {
        registry_version_release(lifecycle->registry, loaded);
        return refuse_in_use(entry, file, reterr);
    }
    forget(entry, file->version);
    resident->file = *file;
    registry_version_release(lifecycle->registry, same ? loaded : old);
    if (same)
        return STATUS_OK;
    entry->before = entry->before == old ? NULL : entry->before;
    resident->version = loaded;
    note_success(entry, loaded);
    return STATUS_OK;
}

// Under the lock.
static enum status take(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        struct registry_version *loaded, const struct lifecycle_file *file,
                        struct diag *reterr)
{
    if (lifecycle_resident(entry, file->version) != NULL)
        return take_again(lifecycle, entry, loaded, file, reterr);
    if (!lifecycle_has_room(entry)) { // somebody has moved a label meanwhile
        registry_version_release(lifecycle->registry, loaded);
        return refuse_crowd(entry, file->version, reterr);
    }
    make_room(lifecycle, entry);
    note_success(entry, loaded);
    insert(entry, loaded, file);
    return STATUS_OK;
}

// Reads the file, whatever is resident. Without the lock.
static enum status load(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        const struct lifecycle_file *file, struct diag *reterr)
{
    struct registry_version *loaded = NULL;
    enum status code =
        registry_version_load(entry->plan->folder, file->version, lifecycle->parts.kernels,
                              lifecycle->parts.readers, &loaded, reterr);
    lock(lifecycle);
    entry->loading = 0;
    if (code == STATUS_OK)
        code = take(lifecycle, entry, loaded, file, reterr);
    else
        note_failure(entry, file, code, reterr);
    const struct lifecycle_resident *resident = lifecycle_resident(entry, file->version);
    bool taken = code == STATUS_OK && resident->version == loaded;
    unlock(lifecycle);
    if (taken || code != STATUS_OK)
        tell_load(entry, file->version, taken ? loaded : NULL, reterr);
    (void)registry_reclaim(lifecycle->registry); // before the next is read
    return code;
}

// Resident already, or loaded now. Without the lock.
enum status lifecycle_ensure(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                             uint64_t version, struct diag *reterr)
{
    // Only this thread changes the residents.
    const struct lifecycle_resident *resident = lifecycle_resident(entry, version);
    struct lifecycle_file file = {.version = version};
    bool there = look_at(entry->plan->folder, version, &file);
    if (resident != NULL && !there)
        return STATUS_OK;
    bool known = resident != NULL && same_file(&resident->file, &file);
    lock(lifecycle);
    bool stopped = lifecycle->stopped || is_over(lifecycle);
    entry->loading = stopped || resident != NULL ? 0 : version;
    if (known)
        forget(entry, version); // files that were there meanwhile
    bool crowded =
        resident == NULL && entry->count == REGISTRY_MOST_VERSIONS && spare(entry) == entry->count;
    entry->loading = crowded ? 0 : entry->loading;
    unlock(lifecycle);
    if (known)
        return STATUS_OK;
    if (stopped)
        return diag_set(reterr, STATUS_UNAVAILABLE, "shutting down");
    if (crowded)
        return refuse_crowd(entry, version, reterr);
    return load(lifecycle, entry, &file, reterr);
}

// Whether the version is resident, loaded now if need be. What is in use stays so, whatever has
// become of its file. Without the lock.
bool lifecycle_have(struct lifecycle *lifecycle, struct lifecycle_entry *entry, uint64_t version)
{
    struct diag diag; // told in the log
    enum status code = lifecycle_is_bad(lifecycle, entry, version)
                           ? STATUS_CORRUPT
                           : lifecycle_ensure(lifecycle, entry, version, &diag);
    lock(lifecycle);
    struct lifecycle_resident *resident = lifecycle_resident(entry, version);
    bool stays = resident != NULL && (!is_verdict(code) || lifecycle_in_use(entry, resident));
    if (stays)
        resident->in_policy = true; // as in insert: those that come after it take other places
    unlock(lifecycle);
    return stays;
}
