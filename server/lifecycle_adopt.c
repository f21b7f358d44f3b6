// Another plan takes the place of the one in force.
#include "server/lifecycle_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool same_plan(const struct lifecycle_model *a, const struct lifecycle_model *b)
{
    bool same = a->keep == b->keep && a->version_count == b->version_count &&
                a->label_count == b->label_count;
    for (size_t i = 0; same && i < a->version_count; i++)
        same = a->versions[i] == b->versions[i];
    for (size_t i = 0; same && i < a->label_count; i++)
        same = a->labels[i].version == b->labels[i].version &&
               strcmp(a->labels[i].name, b->labels[i].name) == 0;
    return same;
}

// The model has another plan: what was done by hand is over. A label that the plan names stays
// where it is until the version is there that the plan gives it.
static void let_move(struct lifecycle_entry *entry)
{
    entry->held = false;
    size_t kept = 0;
    for (size_t i = 0; i < entry->label_count; i++)
        if (lifecycle_plans_label(entry->plan, entry->labels[i].name))
            entry->labels[kept++] = entry->labels[i];
    entry->label_count = kept;
    memset(entry->moved, 0, sizeof(entry->moved));
    for (size_t i = 0; i < entry->count; i++)
        entry->residents[i].asked = false;
}

// What served with the old folder, into `room` or where it is already.
static struct lifecycle_entry *make_former(struct lifecycle *lifecycle, struct lifecycle_entry *old,
                                           struct lifecycle_entry *room)
{
    assert(room != NULL); // new_entries made it
    if (lifecycle_serving(old) == NULL && old->former != NULL) {
        free(room);
        room = old->former;
        old->former = NULL;
        lifecycle_empty(lifecycle, old);
        return room;
    }
    lifecycle_unwatch(lifecycle, old);
    *room = *old;
    return room;
}

static struct lifecycle_entry *entry_of(struct lifecycle_entry *entries,
                                        const struct lifecycle_plan *plan, const char *model)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->models[i].name, model) == 0)
            return &entries[i];
    return NULL;
}

static bool is_moved(const struct lifecycle_entry *old, const struct lifecycle_entry *entry)
{
    return strcmp(old->plan->folder, entry->plan->folder) != 0;
}

// Under the lock: the model goes on with what serves and, in the same folder, with all that is
// known of it. A moved one has room for its former.
static void take_entry(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                       struct lifecycle_entry *old)
{
    const struct lifecycle_model *plan = entry->plan;
    if (is_moved(old, entry)) {
        entry->former = make_former(lifecycle, old, entry->former);
        return;
    }
    while (entry->count > 0) // what can_serve loaded and found not enough
        lifecycle_drop(lifecycle, entry, entry->count - 1);
    *entry = *old;
    entry->plan = plan;
    if (!same_plan(old->plan, plan))
        let_move(entry);
}

// Under the lock.
static void take_entries(struct lifecycle *lifecycle, struct lifecycle_entry *entries,
                         const struct lifecycle_plan *plan)
{
    for (size_t i = 0; i < lifecycle->plan.count; i++) {
        struct lifecycle_entry *old = &lifecycle->entries[i];
        struct lifecycle_entry *entry = entry_of(entries, plan, old->plan->name);
        if (entry != NULL && lifecycle_serving(entry) == NULL)
            take_entry(lifecycle, entry, old);
        else // it goes, or has been loaded anew already (can_serve)
            lifecycle_empty(lifecycle, old);
    }
}

static void free_entries(struct lifecycle_entry *entries, size_t count)
{
    for (size_t i = 0; entries != NULL && i < count; i++)
        free(entries[i].former);
    free(entries);
}

// NULL: no memory.
static struct lifecycle_entry *new_entries(struct lifecycle *lifecycle,
                                           const struct lifecycle_plan *plan)
{
    struct lifecycle_entry *entries = calloc(plan->count, sizeof(*entries));
    bool whole = entries != NULL;
    for (size_t i = 0; whole && i < plan->count; i++)
        entries[i] = (struct lifecycle_entry){
            .plan = &plan->models[i], .folder_watch = -1, .version_watch = -1, .stable_watch = -1};
    for (size_t i = 0; whole && i < lifecycle->plan.count; i++) {
        const struct lifecycle_entry *old = &lifecycle->entries[i];
        struct lifecycle_entry *entry = entry_of(entries, plan, old->plan->name);
        if (entry == NULL || !is_moved(old, entry))
            continue;
        entry->former = calloc(1, sizeof(*entry->former));
        whole = entry->former != NULL;
    }
    if (whole)
        return entries;
    free_entries(entries, plan->count);
    return NULL;
}

// Under the lock.
static bool serves(const struct lifecycle_entry *entry)
{
    return lifecycle_serving(entry) != NULL ||
           (entry->former != NULL && lifecycle_serving(entry->former) != NULL);
}

// Under the lock: something that serves goes on under the plan, or nothing serves now.
static bool loses_nothing(struct lifecycle *lifecycle, const struct lifecycle_plan *plan)
{
    bool serving = false;
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        serving = serving || serves(&lifecycle->entries[i]);
    for (size_t i = 0; i < plan->count; i++) {
        const struct lifecycle_entry *old = lifecycle_find(lifecycle, plan->models[i].name);
        if (old != NULL && serves(old))
            return true;
    }
    return !serving;
}

// Loads models of a plan that is not in force yet, until one can serve.
static bool can_serve(struct lifecycle *lifecycle, struct lifecycle_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lifecycle_sync(lifecycle, &entries[i]);
        pthread_mutex_lock(&lifecycle->lock);
        bool can = serves(&entries[i]);
        pthread_mutex_unlock(&lifecycle->lock);
        if (can)
            return true;
    }
    return false;
}

static void drop_entries(struct lifecycle *lifecycle, struct lifecycle_entry *entries, size_t count)
{
    pthread_mutex_lock(&lifecycle->lock);
    for (size_t i = 0; i < count; i++)
        lifecycle_empty(lifecycle, &entries[i]);
    pthread_mutex_unlock(&lifecycle->lock);
    free(entries);
    for (size_t i = 0; i < lifecycle->plan.count; i++) // they may have watched the same folder
        lifecycle_watch(lifecycle, &lifecycle->entries[i]);
}

enum status lifecycle_adopt(struct lifecycle *lifecycle, struct lifecycle_plan *plan)
{
    struct lifecycle_entry *entries = new_entries(lifecycle, plan);
    if (entries == NULL)
        return STATUS_NO_MEMORY;
    pthread_mutex_lock(&lifecycle->lock);
    bool safe = loses_nothing(lifecycle, plan);
    pthread_mutex_unlock(&lifecycle->lock);
    if (!safe && !can_serve(lifecycle, entries, plan->count)) {
        drop_entries(lifecycle, entries, plan->count);
        return STATUS_UNAVAILABLE;
    }
    pthread_mutex_lock(&lifecycle->lock);
    take_entries(lifecycle, entries, plan);
    free(lifecycle->entries);
    lifecycle_plan_fini(&lifecycle->plan);
    lifecycle->entries = entries;
    lifecycle->plan = *plan;
    *plan = (struct lifecycle_plan){.models = NULL};
    pthread_mutex_unlock(&lifecycle->lock);
    for (size_t i = 0; i < lifecycle->plan.count; i++)
        lifecycle_sync(lifecycle, &lifecycle->entries[i]);
    return STATUS_OK;
}
