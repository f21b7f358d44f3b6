// What the thread of the lifecycle does: it makes residents of what plan and folders ask for.
#include "base/log.h"
#include "server/lifecycle_state.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void lock(struct lifecycle *lifecycle)
{
    pthread_mutex_lock(&lifecycle->lock);
}

static void unlock(struct lifecycle *lifecycle)
{
    pthread_mutex_unlock(&lifecycle->lock);
}

static bool is_listed(const struct store_list *list, uint64_t version)
{
    bool found = false;
    for (size_t i = 0; i < list->count; i++)
        found = found || list->versions[i] == version;
    return found;
}

// Under the lock: what was refused and is not there any more.
static void forget_gone(struct lifecycle_entry *entry, const struct store_list *list)
{
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++)
        if (!is_listed(list, entry->failures[i].file.version))
            entry->failures[i].file.version = 0;
}

// ---- what the plan asks for ------------------------------------------------------------------

// The versions of the policy, resident now: flags them. Without the lock.
static void load_latest(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        const struct store_list *list, bool *wanted)
{
    unsigned found = 0;
    for (size_t i = 0; i < list->count && found < entry->plan->keep; i++) {
        wanted[i] = lifecycle_have(lifecycle, entry, list->versions[i]);
        found += wanted[i];
    }
}

static void load_listed(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        const struct store_list *list, bool *wanted)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < entry->plan->version_count; k++)
            if (entry->plan->versions[k] == list->versions[i])
                wanted[i] = lifecycle_have(lifecycle, entry, list->versions[i]);
}

// Under the lock. By hand: then what the plan gives the label is nobody's.
static bool is_moved(const struct lifecycle_entry *entry, const char *label)
{
    size_t at = lifecycle_label_at(entry, label);
    return at < entry->label_count && entry->moved[at];
}

static void load_labelled(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    for (size_t i = 0; i < entry->plan->label_count; i++) {
        const struct lifecycle_label *label = &entry->plan->labels[i];
        lock(lifecycle);
        bool moved = is_moved(entry, label->name);
        unlock(lifecycle);
        if (label->version != 0 && !moved)
            (void)lifecycle_have(lifecycle, entry, label->version);
    }
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

// A version is to be stable and is not there: then what serves goes on, if anything does.
static bool waits(const struct lifecycle_entry *entry)
{
    return lifecycle_plans_stable(entry->plan) != 0 &&
           lifecycle_label_at(entry, "stable") == entry->label_count;
}

// The policy's newest serves, but for a rollback, and for what somebody has asked for since.
static void follow(struct lifecycle_entry *entry, struct registry_version *newest)
{
    const struct registry_version *current = entry->current;
    const struct lifecycle_resident *resident =
        current != NULL ? lifecycle_resident(entry, current->number) : NULL;
    bool newer =
        resident != NULL && resident->asked && (newest == NULL || newest->number < current->number);
    if (!entry->held && !newer && !waits(entry))
        serve(entry, newest);
}

// Under the lock: the new folder has a version.
static void drop_former(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    if (entry->former == NULL || lifecycle_serving(entry) == NULL)
        return;
    lifecycle_empty(lifecycle, entry->former);
    free(entry->former);
    entry->former = NULL;
}

// Under the lock, which it leaves: what was changed is published, and then told.
static void settle(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    drop_former(lifecycle, entry);
    lifecycle_evict(lifecycle, entry);
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

// Whether the plan lists the version, and it is there, or has a label on it.
static bool asks_for(const struct lifecycle_entry *entry, const struct store_list *list,
                     uint64_t version)
{
    const struct lifecycle_model *plan = entry->plan;
    bool listed = false, labelled = false;
    for (size_t i = 0; i < plan->version_count; i++)
        listed = listed || plan->versions[i] == version;
    for (size_t i = 0; i < plan->label_count; i++)
        labelled = labelled ||
                   (plan->labels[i].version == version && !is_moved(entry, plan->labels[i].name));
    return (listed && is_listed(list, version)) || labelled;
}

// Residents that the policy asks for now; what it asked for before gives way.
static void mark_asked(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                       const struct store_list *list)
{
    unsigned found = 0;
    lock(lifecycle);
    for (size_t i = 0; i < entry->count; i++)
        entry->residents[i].in_policy = asks_for(entry, list, entry->residents[i].version->number);
    unlock(lifecycle);
    for (size_t i = 0; i < list->count && found < entry->plan->keep; i++) {
        bool is_bad = lifecycle_is_bad(lifecycle, entry, list->versions[i]);
        lock(lifecycle);
        struct lifecycle_resident *resident = lifecycle_resident(entry, list->versions[i]);
        bool counts = !is_bad || lifecycle_in_use(entry, resident);
        if (resident != NULL && counts)
            resident->in_policy = true;
        unlock(lifecycle);
        found += counts;
    }
}

static void follow_list(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                        const struct store_list *list, bool *wanted)
{
    lock(lifecycle);
    forget_gone(entry, list); // now: what comes meanwhile is not in the list
    unlock(lifecycle);
    mark_asked(lifecycle, entry, list);
    load_labelled(lifecycle, entry); // first: `stable` may be among them
    if (entry->plan->keep > 0)
        load_latest(lifecycle, entry, list, wanted);
    else
        load_listed(lifecycle, entry, list, wanted);
    lock(lifecycle);
    struct registry_version *newest = mark_policy(entry, list, wanted);
    set_labels(entry, newest);
    follow(entry, newest);
    settle(lifecycle, entry);
}

// One look. True: something found no place, and now there is one.
static bool look(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    struct store_list list = {0};
    struct diag diag;
    entry->starved = false;
    entry->crowded = 0;
    lifecycle_watch(lifecycle, entry); // first: what comes after the look is told
    enum status code = store_versions(entry->plan->folder, &list, &diag);
    if (code != STATUS_OK) {
        char text[1024];
        entry->starved = code == STATUS_NO_MEMORY;
        LOG_EVENT(LOG_ERROR, "model folder cannot be read", LOG_S("model", entry->plan->name),
                  LOG_S("reason", diag_format(&diag, text, sizeof(text))));
        return false;
    }
    bool *wanted = calloc(list.count + 1, sizeof(*wanted));
    entry->starved = wanted == NULL;
    if (wanted != NULL)
        follow_list(lifecycle, entry, &list, wanted);
    free(wanted);
    store_list_fini(&list);
    (void)registry_reclaim(lifecycle->registry); // before the next model is loaded
    lock(lifecycle);
    bool again = entry->crowded > 0 && lifecycle_has_room(entry);
    unlock(lifecycle);
    return again;
}

void lifecycle_sync(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    for (unsigned last = UINT_MAX; look(lifecycle, entry) && entry->crowded < last;)
        last = entry->crowded;
    if (entry->crowded > 0)
        LOG_EVENT(LOG_ERROR, "no place for a model version", LOG_S("model", entry->plan->name),
                  LOG_I("version", entry->crowded_out), LOG_I("versions", entry->crowded),
                  LOG_I("resident", entry->count));
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
    enum status code = lifecycle_ensure(lifecycle, entry, newest, reterr);
    if (code == STATUS_OK) { // what fails does not end a rollback's hold
        lock(lifecycle);
        entry->held = false;
        if (entry->plan->keep == 0) { // the plan's list does not ask for it, somebody does
            struct lifecycle_resident *resident = lifecycle_resident(entry, newest);
            resident->asked = true;
            if (!waits(entry))
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
    TRY(lifecycle_ensure(lifecycle, entry, version, reterr));
    lock(lifecycle);
    struct lifecycle_resident *resident = lifecycle_resident(entry, version);
    resident->asked = true;
    resident->in_policy = false; // until the folder is looked at again
    if (!waits(entry) && (entry->current == NULL || version > entry->current->number)) {
        entry->held = false;
        serve(entry, resident->version);
    }
    settle(lifecycle, entry);
    return STATUS_OK;
}

void lifecycle_empty(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    while (entry->count > 0)
        lifecycle_drop(lifecycle, entry, entry->count - 1);
    lifecycle_unwatch(lifecycle, entry);
    if (entry->former != NULL)
        lifecycle_empty(lifecycle, entry->former); // which has none
    free(entry->former);
    entry->former = NULL;
}
