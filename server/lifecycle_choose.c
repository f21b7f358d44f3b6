// Choosing among resident versions by hand: rollback and labels. Needs no load, and is done at
// once.
#include "server/lifecycle_state.h"

#include "base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Under the lock.
static enum status find_model(struct lifecycle *lifecycle, const char *model,
                              struct lifecycle_entry **ret_entry, struct diag *reterr)
{
    *ret_entry = lifecycle_find(lifecycle, model);
    if (lifecycle->stopped)
        return lifecycle_stopping(reterr);
    return *ret_entry != NULL ? STATUS_OK : lifecycle_no_model(model, reterr);
}

// Under the lock.
static enum status find_resident(struct lifecycle *lifecycle, const char *model, uint64_t version,
                                 struct lifecycle_entry **ret_entry,
                                 struct registry_version **ret_version, struct diag *reterr)
{
    TRY(find_model(lifecycle, model, ret_entry, reterr));
    struct lifecycle_entry *entry = *ret_entry;
    assert(entry != NULL);
    if (version == 0 && entry->before == NULL)
        return diag_at_path(reterr, STATUS_NOT_FOUND, "version",
                            "no version served before: name one that is loaded");
    struct lifecycle_resident *resident =
        lifecycle_resident(entry, version != 0 ? version : entry->before->number);
    if (resident == NULL)
        return diag_at_path(reterr, STATUS_NOT_FOUND, "version",
                            "version %" PRIu64 " is not loaded: load it first", version);
    *ret_version = resident->version;
    return STATUS_OK;
}

// What is changed here; the rest of an entry may be changing.
struct choice {
    struct registry_version *current, *before;
    bool held;
    size_t label_count;
    struct registry_label labels[REGISTRY_MOST_LABELS];
    bool moved[REGISTRY_MOST_LABELS];
};

static struct choice choice_of(const struct lifecycle_entry *entry)
{
    struct choice choice = {.current = entry->current,
                            .before = entry->before,
                            .held = entry->held,
                            .label_count = entry->label_count};
    memcpy(choice.labels, entry->labels, sizeof(choice.labels));
    memcpy(choice.moved, entry->moved, sizeof(choice.moved));
    return choice;
}

// Under the lock: all or nothing.
static enum status publish_or_undo(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                                   const struct choice *old, struct diag *reterr)
{
    if (lifecycle_publish(lifecycle) == STATUS_OK)
        return STATUS_OK;
    entry->current = old->current;
    entry->before = old->before;
    entry->held = old->held;
    entry->label_count = old->label_count;
    memcpy(entry->labels, old->labels, sizeof(entry->labels));
    memcpy(entry->moved, old->moved, sizeof(entry->moved));
    return diag_set(reterr, STATUS_NO_MEMORY, "no memory");
}

static enum status roll_back(struct lifecycle *lifecycle, const char *model, uint64_t version,
                             uint64_t *ret_version, struct diag *reterr)
{
    struct lifecycle_entry *entry;
    struct registry_version *target;
    TRY(find_model(lifecycle, model, &entry, reterr));
    if (version == 0 && entry->held) // else two people would take back what the other has done
        return diag_at_path(reterr, STATUS_INVALID, "version",
                            "version %s is held already: name another, or load",
                            entry->current->text);
    if (version == 0 && lifecycle_serving(entry) != entry->current)
        return diag_at_path(reterr, STATUS_INVALID, "version",
                            "what serves has the label stable: name a version");
    TRY(find_resident(lifecycle, model, version, &entry, &target, reterr));
    const struct choice old = choice_of(entry);
    if (target != entry->current)
        entry->before = entry->current;
    entry->current = target;
    entry->held = true;
    size_t stable = lifecycle_label_at(entry, "stable");
    if (stable < entry->label_count) {
        entry->labels[stable].version = target;
        entry->moved[stable] = true;
    }
    *ret_version = target->number;
    TRY(publish_or_undo(lifecycle, entry, &old, reterr));
    (void)lifecycle_tell(entry); // by the event
    LOG_EVENT(LOG_INFO, "model rolled back", LOG_S("model", model),
              LOG_I("version", target->number));
    return STATUS_OK;
}

void lifecycle_rollback(struct lifecycle *lifecycle, const char *model, uint64_t version,
                        lifecycle_done_fn *done, void *context)
{
    struct diag diag = {0};
    uint64_t chosen = version;
    pthread_mutex_lock(&lifecycle->lock);
    enum status code = roll_back(lifecycle, model, version, &chosen, &diag);
    pthread_mutex_unlock(&lifecycle->lock);
    lifecycle_wake(lifecycle); // to free the replaced view
    done(context, code, chosen, code == STATUS_OK ? NULL : &diag);
}

// With the labels of the plan that are not there yet.
static size_t needed_labels(const struct lifecycle_entry *entry)
{
    size_t count = entry->label_count;
    for (size_t i = 0; i < entry->plan->label_count; i++)
        count += lifecycle_label_at(entry, entry->plan->labels[i].name) == entry->label_count;
    return count;
}

static enum status put_label(struct lifecycle *lifecycle, const char *model, const char *name,
                             uint64_t version, struct diag *reterr)
{
    struct lifecycle_entry *entry;
    struct registry_version *target;
    TRY(find_resident(lifecycle, model, version, &entry, &target, reterr));
    const struct choice old = choice_of(entry);
    size_t at = lifecycle_label_at(entry, name);
    bool another = at == entry->label_count && !lifecycle_plans_label(entry->plan, name);
    if (needed_labels(entry) + another > REGISTRY_MOST_LABELS)
        return diag_at_path(reterr, STATUS_INVALID, "label", "the model has %d labels already",
                            REGISTRY_MOST_LABELS);
    entry->label_count += at == entry->label_count;
    snprintf(entry->labels[at].name, sizeof(entry->labels[at].name), "%s", name);
    entry->labels[at].version = target;
    entry->moved[at] = true;
    TRY(publish_or_undo(lifecycle, entry, &old, reterr));
    (void)lifecycle_tell(entry); // by the event
    LOG_EVENT(LOG_INFO, "model labelled", LOG_S("model", model), LOG_S("label", name),
              LOG_I("version", target->number));
    return STATUS_OK;
}

static enum status take_label(struct lifecycle *lifecycle, const char *model, const char *name,
                              uint64_t *ret_version, struct diag *reterr)
{
    struct lifecycle_entry *entry;
    TRY(find_model(lifecycle, model, &entry, reterr));
    assert(entry != NULL);
    const struct choice old = choice_of(entry);
    size_t at = lifecycle_label_at(entry, name);
    if (at == entry->label_count)
        return diag_at_path(reterr, STATUS_NOT_FOUND, "label", "the model has no label \"%s\"",
                            name);
    const struct registry_version *version = entry->labels[at].version;
    entry->label_count--;
    entry->labels[at] = entry->labels[entry->label_count];
    entry->moved[at] = entry->moved[entry->label_count];
    *ret_version = version->number;
    TRY(publish_or_undo(lifecycle, entry, &old, reterr));
    uint64_t serves = lifecycle_tell(entry);
    LOG_EVENT(LOG_INFO, "model label taken away", LOG_S("model", model), LOG_S("label", name),
              LOG_I("version", version->number), LOG_I("serves", serves));
    return STATUS_OK;
}

void lifecycle_label(struct lifecycle *lifecycle, const char *model, const char *label,
                     uint64_t version, lifecycle_done_fn *done, void *context)
{
    struct diag diag = {0};
    uint64_t told = version;
    pthread_mutex_lock(&lifecycle->lock);
    enum status code = version != 0 ? put_label(lifecycle, model, label, version, &diag)
                                    : take_label(lifecycle, model, label, &told, &diag);
    pthread_mutex_unlock(&lifecycle->lock);
    lifecycle_wake(lifecycle);
    done(context, code, told, code == STATUS_OK ? NULL : &diag);
}
