// The model that serves: an immutable snapshot, loaded from the newest valid version of a folder.
//
// A snapshot is read by all threads without a lock and never changes; registry_model is the one
// place where a request gets it, once, so that a whole request sees one model. Everything is loaded
// before the first thread starts.
#pragma once

#include "base/status.h"
#include "model/kernels/kernels.h"
#include "model/scorer.h"
#include "model/store.h"
#include "proto/row.h"

enum { REGISTRY_VERSION_TEXT = 24, REGISTRY_SHA_DIGITS = 12 };

struct registry_model {
    char name[STORE_NAME_BYTES + 1];
    char version[REGISTRY_VERSION_TEXT]; // decimal, as the folder is called
    char sha256[REGISTRY_SHA_DIGITS + 1];
    struct scorer scorer;
    struct row_field *fields;  // of the layout
    struct row_cross *crosses; // of the layout
    struct row_layout layout;
};

struct registry {
    struct registry_model *model;
};

// Loads the newest version of `folder` that is valid; each refused one is logged with its file and
// reason. `name` NULL or "": the last part of the folder's path. STATUS_CONFIG if none is valid.
MUST_USE enum status registry_open(const char *folder, const char *name,
                                   const struct kernels *kernels, struct registry *ret_registry,
                                   struct diag *reterr);
void registry_close(struct registry *registry); // after the last thread that serves

const struct registry_model *registry_model(const struct registry *registry);
