// The files of a data set: one file, or all that a pattern names, in the order of their names.
#pragma once

#include "base/status.h"
#include "model/train/dataset_image.h"

#include <stddef.h>

struct shards {
    char **paths;
    size_t count;
    // All of them together, as they are now: a cache belongs to exactly these.
    struct dataset_image_source source;
};

// `path` is a file, or a pattern of glob(7). STATUS_NOT_FOUND if it names no file, STATUS_IO if one
// cannot be looked at.
MUST_USE enum status shards_init(struct shards *shards, const char *path, struct diag *reterr);
// The same for several files or patterns together, in the order given.
MUST_USE enum status shards_init_all(struct shards *shards, const char *const *paths, size_t count,
                                     struct diag *reterr);
void shards_fini(struct shards *shards);
// STATUS_IO if a file is not what it was at shards_init.
MUST_USE enum status shards_unchanged(const struct shards *shards, struct diag *reterr);
