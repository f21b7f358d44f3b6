// Which versions of which models are in memory, and which of them serve.
//
// A thread of low priority loads: a version is proven, warmed and only then published; what fails
// changes nothing but a log line and a metric. Versions that nobody needs any more are freed there
// too, when no request uses them. Choosing among resident versions (rollback, label) needs no load
// and is done at once, by the caller's thread.
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "base/yamldoc.h"
#include "model/kernels/kernels.h"
#include "server/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool lifecycle_label_valid(const char *name); // a name that begins with no digit

struct lifecycle_label {
    char name[STORE_NAME_BYTES + 1];
    uint64_t version; // 0: the newest
};

// What the configuration says of a model.
struct lifecycle_model {
    char name[STORE_NAME_BYTES + 1];
    char *folder;
    unsigned keep; // of the policy latest: so many of the newest valid versions; 0: `versions`
    uint64_t versions[REGISTRY_MOST_VERSIONS];
    size_t version_count;
    struct lifecycle_label labels[REGISTRY_MOST_LABELS];
    size_t label_count;
};

struct lifecycle_plan {
    struct lifecycle_model *models;
    size_t count;
};

// models:
//   - {name: ctr, folder: models/ctr, keep: 2, labels: {canary: latest, stable: 41}}
//   - {folder: models/cvr, versions: [41, 42]}
// `name` is the last part of the folder's path if it is left out, `keep` is 1. STATUS_CONFIG with
// line and column.
MUST_USE enum status lifecycle_plan_read(const struct yamldoc_node *models,
                                         struct lifecycle_plan *ret_plan, struct diag *reterr);
// One model, its newest version. `name` "": the last part of the folder's path.
MUST_USE enum status lifecycle_plan_one(const char *folder, const char *name,
                                        struct lifecycle_plan *ret_plan, struct diag *reterr);
// Every folder has a version that the plan asks for, valid or not. STATUS_CONFIG, STATUS_NO_MEMORY.
MUST_USE enum status lifecycle_plan_check(const struct lifecycle_plan *plan, struct diag *reterr);
void lifecycle_plan_fini(struct lifecycle_plan *plan);

struct lifecycle_parts {
    const struct kernels *kernels;
    unsigned readers;  // of the registry
    bool watch;        // load what appears in the folders
    unsigned rescan_s; // look at them every so often; 0: never
    // Asked before each load, by the thread that loads: true, and none is begun; NULL: never.
    bool (*is_over)(void *context);
    void *context;
};

struct lifecycle; // owns the thread and the resident versions

// Loads what the plan asks for, then starts the thread. STATUS_CONFIG if a model has no valid
// version, naming the newest file and what is wrong with it.
MUST_USE enum status lifecycle_start(struct registry *registry, const struct lifecycle_plan *plan,
                                     const struct lifecycle_parts *parts,
                                     struct lifecycle **ret_lifecycle, struct diag *reterr);
// No load is begun any more: what was asked for and is not begun is done with STATUS_UNAVAILABLE.
void lifecycle_refuse(struct lifecycle *lifecycle);
// That, and ends the thread; what it was asked and has not done is done with STATUS_UNAVAILABLE,
// and so is what it is asked later. NULL is nothing.
void lifecycle_stop(struct lifecycle *lifecycle);
void lifecycle_free(struct lifecycle *lifecycle); // stopped; NULL is nothing

// Takes a new plan; the loads that follow from it are done by the thread. Models that are not in it
// go, unless nothing would serve then (the log says so); where a model's plan differs, what was
// done to it by hand is over. STATUS_NO_MEMORY: nothing has changed.
MUST_USE enum status lifecycle_configure(struct lifecycle *lifecycle,
                                         const struct lifecycle_plan *plan, struct diag *reterr);
void lifecycle_rescan(struct lifecycle *lifecycle); // looks for new versions soon

// `why` is NULL with STATUS_OK; `version` is the one that was loaded or chosen.
typedef void lifecycle_done_fn(void *context, enum status code, uint64_t version,
                               const struct diag *why);
// Each calls `done` once. A load is done by the thread: STATUS_NOT_FOUND, STATUS_CORRUPT, ... of
// the file. Version 0: the newest, which will serve from then on. Another is loaded beside it and
// serves if it is newer than what serves.
void lifecycle_load(struct lifecycle *lifecycle, const char *model, uint64_t version,
                    lifecycle_done_fn *done, void *context);
// These two are done before they return. STATUS_NOT_FOUND if the version is not resident. After a
// rollback the model is held: new versions are loaded, but do not serve until an explicit load or a
// new plan. Version 0: the one that served before; of a label: nothing, and it goes.
void lifecycle_rollback(struct lifecycle *lifecycle, const char *model, uint64_t version,
                        lifecycle_done_fn *done, void *context);
void lifecycle_label(struct lifecycle *lifecycle, const char *model, const char *label,
                     uint64_t version, lifecycle_done_fn *done, void *context);

// {"models": [...]}: every model, version and label with its state. No paths.
void lifecycle_describe(struct lifecycle *lifecycle, struct buf *out);
// The families ctrd_model_*.
void lifecycle_expose(struct lifecycle *lifecycle, bool openmetrics, struct buf *out);
void lifecycle_markdown(struct buf *out); // their rows for docs/
