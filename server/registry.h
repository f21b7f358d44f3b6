// The models that serve: an immutable view, published by pointer, of every model with its resident
// versions and labels.
//
// A reader pins the view for one request and sees one state of all models; pinning is two stores
// and two loads, without a lock and without a cache line that two readers write (hazard pointers:
// Michael, "Hazard pointers: safe memory reclamation for lock-free objects", 2004). A view that was
// replaced is freed when no reader has it pinned any more, by registry_reclaim: never on the path
// of a request.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "model/scorer.h"
#include "model/store.h"
#include "proto/row.h"
#include "server/version_metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REGISTRY_VERSION_TEXT = 24,
    REGISTRY_SHA_DIGITS = 12,
    REGISTRY_MOST_MODELS = 64,
    REGISTRY_MOST_VERSIONS = 8, // resident at a time, of a model
    REGISTRY_MOST_LABELS = 8,
};

// A version in memory. Immutable but for its metrics.
struct registry_version {
    uint64_t number;
    char text[REGISTRY_VERSION_TEXT]; // decimal, as the folder is called
    char sha256_12[REGISTRY_SHA_DIGITS + 1];
    // Of what a body has to bring and what of it is refused: equal, and they take the same.
    char feature_set[REGISTRY_SHA_DIGITS + 1];
    struct scorer scorer;
    struct row_field *fields;  // of the layout
    struct row_cross *crosses; // of the layout
    struct row_layout layout;
    struct version_metrics *metrics;
    double load_seconds;
    int64_t loaded_at_s; // since 1970
    unsigned holders;    // views and the lifecycle; under the registry's lock
    struct registry_version *next_unheld;
};

struct registry_label {
    char name[STORE_NAME_BYTES + 1];
    const struct registry_version *version;
};

struct registry_model {
    char name[STORE_NAME_BYTES + 1];
    const struct registry_version *current; // what a request gets that names none
    size_t count;
    struct registry_version *versions[REGISTRY_MOST_VERSIONS]; // descending
    size_t label_count;
    struct registry_label labels[REGISTRY_MOST_LABELS];
};

struct registry_view {
    size_t count;
    struct registry_view *older; // of those that wait to be freed
    struct registry_model models[];
};

struct registry; // owns the views

MUST_USE struct registry *registry_new(unsigned readers); // an empty view; NULL: no memory
void registry_free(struct registry *registry);            // no reader is left; NULL is nothing

// Reader `reader` < readers, one thread each; never NULL, valid until registry_unpin.
const struct registry_view *registry_pin(struct registry *registry, unsigned reader);
void registry_unpin(struct registry *registry, unsigned reader);

// The version that a request asks for. A model without a name (data NULL) is the only one; a
// version without number (0) and label (data NULL) is the current one. STATUS_NOT_FOUND, or
// STATUS_INVALID where a model must be named, with the member of a rank body as the path.
MUST_USE enum status registry_choose(const struct registry_view *view, struct span model,
                                     uint64_t version, struct span label,
                                     const struct registry_model **ret_model,
                                     const struct registry_version **ret_version,
                                     struct diag *reterr);

// A view to be filled, with `count` empty models; NULL: no memory.
MUST_USE struct registry_view *registry_view_new(size_t count);
// Makes it the view of requests that begin from now on, and takes it over; its versions are held by
// it. One thread at a time.
void registry_publish(struct registry *registry, struct registry_view *view);
// Frees the replaced views that nobody has pinned, and the versions that nobody holds, in pieces.
// False: some are still pinned. One thread at a time, which may be another than that of publish.
bool registry_reclaim(struct registry *registry);

// The proven file of a folder's version, held once by the caller. `readers` as of the registry.
MUST_USE enum status registry_version_load(const char *folder, uint64_t number,
                                           const struct kernels *kernels, unsigned readers,
                                           struct registry_version **ret_version,
                                           struct diag *reterr);
// Lets go of it; the last holder's is freed by the next registry_reclaim.
void registry_version_release(struct registry *registry, struct registry_version *version);
