// Bytes that are written one after another and read back once: a file without a name, so that
// memory stays flat however much comes.
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct spool {
    int fd;
    uint64_t size;
    struct buf pending;
};

// A file in `folder` that vanishes with its descriptor; NULL: in TMPDIR, or /tmp.
MUST_USE enum status spool_file(const char *folder, int *ret_fd, struct diag *reterr);
MUST_USE enum status spool_init(struct spool *spool, const char *folder, struct diag *reterr);
void spool_fini(struct spool *spool);
MUST_USE enum status spool_write(struct spool *spool, const void *data, size_t size,
                                 struct diag *reterr);
// All of it to the place `at` of another file; `target` names that in messages.
MUST_USE enum status spool_copy(struct spool *spool, int fd, uint64_t at, const char *target,
                                struct diag *reterr);
// The whole of `data` to the place `at` of a file.
MUST_USE enum status spool_put(int fd, uint64_t at, const void *data, size_t size,
                               const char *target, struct diag *reterr);
