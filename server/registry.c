#include "server/registry.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/num.h"
#include "base/tick.h"
#include "proto/json_fault.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGISTRY_LINE = 64 }; // bytes of a cache line

struct registry_reader {
    alignas(REGISTRY_LINE) _Atomic(const struct registry_view *) pinned;
};

struct registry {
    _Atomic(struct registry_view *) view;
    pthread_mutex_t lock;            // of the rest, and of the holders of versions
    struct registry_view *replaced;  // waiting to be freed
    struct registry_version *unheld; // to be freed too
    unsigned reader_count;
    struct registry_reader readers[];
};

struct registry_view *registry_view_new(size_t count)
{
    size_t bytes;
    if (!num_mul(count, sizeof(struct registry_model), &bytes) ||
        !num_add(bytes, sizeof(struct registry_view), &bytes))
        return NULL;
    struct registry_view *view = calloc(1, bytes);
    if (view != NULL)
        view->count = count;
    return view;
}

struct registry *registry_new(unsigned readers)
{
    size_t bytes = sizeof(struct registry) + readers * sizeof(struct registry_reader);
    struct registry *registry = aligned_alloc(REGISTRY_LINE, num_round_up(bytes, REGISTRY_LINE));
    struct registry_view *view = registry_view_new(0);
    if (registry == NULL || view == NULL) {
        free(registry);
        free(view);
        return NULL;
    }
    memset(registry, 0, bytes);
    pthread_mutex_init(&registry->lock, NULL);
    registry->reader_count = readers;
    atomic_init(&registry->view, view);
    return registry;
}

const struct registry_view *registry_pin(struct registry *registry, unsigned reader)
{
    assert(reader < registry->reader_count);
    _Atomic(const struct registry_view *) *pinned = &registry->readers[reader].pinned;
    assert(atomic_load_explicit(pinned, memory_order_relaxed) == NULL);
    for (;;) {
        const struct registry_view *view =
            atomic_load_explicit(&registry->view, memory_order_acquire);
        // seq_cst: either the one who reclaims sees the pin, or we see that the view was replaced.
        atomic_store_explicit(pinned, view, memory_order_seq_cst);
        if (atomic_load_explicit(&registry->view, memory_order_seq_cst) == view)
            return view;
    }
}

void registry_unpin(struct registry *registry, unsigned reader)
{
    atomic_store_explicit(&registry->readers[reader].pinned, NULL, memory_order_release);
}

static enum status not_found(struct diag *reterr, const char *member, struct span name,
                             const char *what)
{
    char text[JSON_FAULT_TEXT];
    json_fault_escape(name, JSON_FAULT_FOREIGN, text, sizeof(text));
    return diag_at_path(reterr, STATUS_NOT_FOUND, member, "%s \"%s\" is loaded", what, text);
}

static enum status choose_model(const struct registry_view *view, struct span name,
                                const struct registry_model **ret_model, struct diag *reterr)
{
    if (view->count == 0)
        return diag_set(reterr, STATUS_UNAVAILABLE, "no model is loaded yet");
    if (name.data == NULL && view->count > 1)
        return diag_at_path(reterr, STATUS_INVALID, "model", "missing, %zu models are loaded",
                            view->count);
    for (size_t i = 0; i < view->count; i++) {
        *ret_model = &view->models[i];
        if (name.data == NULL || span_is(name, view->models[i].name))
            return STATUS_OK;
    }
    return not_found(reterr, "model", name, "no model");
}

static enum status choose_label(const struct registry_model *model, struct span label,
                                const struct registry_version **ret_version, struct diag *reterr)
{
    for (size_t i = 0; i < model->label_count; i++) {
        if (span_is(label, model->labels[i].name)) {
            *ret_version = model->labels[i].version;
            return STATUS_OK;
        }
    }
    return not_found(reterr, "version", label, "no version with the label");
}

enum status registry_choose(const struct registry_view *view, struct span model, uint64_t version,
                            struct span label, const struct registry_model **ret_model,
                            const struct registry_version **ret_version, struct diag *reterr)
{
    TRY(choose_model(view, model, ret_model, reterr));
    const struct registry_model *found = *ret_model;
    if (label.data != NULL)
        return choose_label(found, label, ret_version, reterr);
    *ret_version = found->current;
    if (version == 0)
        return found->current != NULL
                   ? STATUS_OK
                   : diag_set(reterr, STATUS_UNAVAILABLE, "no version is loaded yet");
    for (size_t i = 0; i < found->count; i++) {
        *ret_version = found->versions[i];
        if (found->versions[i]->number == version)
            return STATUS_OK;
    }
    return diag_at_path(reterr, STATUS_NOT_FOUND, "version", "version %" PRIu64 " is not loaded",
                        version);
}

// ---- versions --------------------------------------------------------------------------------

static void free_version(struct registry_version *version)
{
    version_metrics_free(version->metrics);
    free(version->fields);
    free(version->crosses);
    scorer_fini(&version->scorer);
    free(version);
}

// What a body must bring, and what of it is refused.
static enum status name_features(struct registry_version *version)
{
    char digest[DIGEST_HEX + 1];
    struct buf text;
    buf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < version->layout.field_count; i++) {
        const struct row_field *field = &version->fields[i];
        buf_span(&text, field->name);
        buf_printf(&text, " %d %d %u %d %u\n", field->scope, field->kind, field->size,
                   field->has_default,
                   field->coding.encode == ROW_IDENTITY ? field->coding.buckets : 0);
    }
    enum status code = buf_status(&text);
    if (code == STATUS_OK) {
        digest_hex_of(text.data, text.size, digest);
        memcpy(version->feature_set, digest, REGISTRY_SHA_DIGITS);
    }
    buf_fini(&text);
    return code;
}

static enum status make_parts(struct registry_version *version, unsigned readers)
{
    const struct schema *schema = &version->scorer.checkpoint.schema;
    version->fields = calloc(schema->count + 1, sizeof(*version->fields));
    version->crosses = calloc(schema->count + 1, sizeof(*version->crosses));
    version->metrics = version_metrics_new(&version->scorer.checkpoint, readers);
    if (version->fields == NULL || version->crosses == NULL || version->metrics == NULL)
        return STATUS_NO_MEMORY;
    schema_layout(schema, version->fields, version->crosses, &version->layout);
    return name_features(version);
}

enum status registry_version_load(const char *folder, uint64_t number,
                                  const struct kernels *kernels, unsigned readers,
                                  struct registry_version **ret_version, struct diag *reterr)
{
    struct registry_version *version = calloc(1, sizeof(*version));
    if (version == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a version");
    uint64_t begun_ns = tick_ns();
    enum status code = store_load(folder, number, kernels, &version->scorer, reterr);
    if (code != STATUS_OK) {
        free(version);
        return code;
    }
    if (make_parts(version, readers) != STATUS_OK) {
        free_version(version);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the features of the model");
    }
    version->number = number;
    snprintf(version->text, sizeof(version->text), "%" PRIu64, number);
    memcpy(version->sha256_12, version->scorer.checkpoint.sha256, REGISTRY_SHA_DIGITS);
    version->load_seconds = (double)(tick_ns() - begun_ns) * 1e-9;
    version->loaded_at_s = (int64_t)(tick_wall_ms() / 1000);
    version->holders = 1;
    *ret_version = version;
    return STATUS_OK;
}

// Under the lock.
static void let_go(struct registry *registry, struct registry_version *version)
{
    assert(version->holders > 0);
    if (--version->holders > 0)
        return;
    version->next_unheld = registry->unheld;
    registry->unheld = version;
}

void registry_version_release(struct registry *registry, struct registry_version *version)
{
    pthread_mutex_lock(&registry->lock);
    let_go(registry, version);
    pthread_mutex_unlock(&registry->lock);
}

// ---- views -----------------------------------------------------------------------------------

void registry_publish(struct registry *registry, struct registry_view *view)
{
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < view->count; i++)
        for (size_t k = 0; k < view->models[i].count; k++)
            view->models[i].versions[k]->holders++;
    struct registry_view *old =
        atomic_exchange_explicit(&registry->view, view, memory_order_seq_cst);
    old->older = registry->replaced;
    registry->replaced = old;
    pthread_mutex_unlock(&registry->lock);
}

static bool is_pinned(const struct registry *registry, const struct registry_view *view)
{
    for (unsigned i = 0; i < registry->reader_count; i++)
        if (atomic_load_explicit(&registry->readers[i].pinned, memory_order_seq_cst) == view)
            return true;
    return false;
}

static void drop_view(struct registry *registry, struct registry_view *view)
{
    for (size_t i = 0; i < view->count; i++)
        for (size_t k = 0; k < view->models[i].count; k++)
            let_go(registry, view->models[i].versions[k]);
    free(view);
}

// Under the lock: takes replaced views that nobody reads out of the list. False: some are left.
static bool drop_views(struct registry *registry)
{
    struct registry_view **link = &registry->replaced;
    while (*link != NULL) {
        struct registry_view *view = *link;
        if (is_pinned(registry, view)) {
            link = &view->older;
            continue;
        }
        *link = view->older;
        drop_view(registry, view);
    }
    return registry->replaced == NULL;
}

bool registry_reclaim(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    bool all = drop_views(registry);
    while (registry->unheld != NULL) {
        struct registry_version *version = registry->unheld;
        registry->unheld = version->next_unheld;
        // Nobody knows it any more: freed without the lock, so that nobody waits for that.
        pthread_mutex_unlock(&registry->lock);
        free_version(version);
        pthread_mutex_lock(&registry->lock);
    }
    pthread_mutex_unlock(&registry->lock);
    return all;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    struct registry_view *last = atomic_load_explicit(&registry->view, memory_order_relaxed);
    drop_view(registry, last);
    bool all = registry_reclaim(registry);
    assert(all);
    (void)all;
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}
