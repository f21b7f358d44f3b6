#include "model/train/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPOOL_BLOCK = 256 * 1024 };

enum status spool_file(const char *folder, int *ret_fd, struct diag *reterr)
{
    if (folder == NULL)
        folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    *ret_fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*ret_fd >= 0)
        return STATUS_OK;
    char *path; // a file system without nameless files
    if (asprintf(&path, "%s/spool.XXXXXX", folder) < 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    *ret_fd = mkostemp(path, O_CLOEXEC);
    enum status code = STATUS_OK;
    if (*ret_fd < 0)
        code = diag_errno(reterr, folder, "cannot create a temporary file in");
    else
        unlink(path);
    free(path);
    return code;
}

enum status spool_init(struct spool *spool, const char *folder, struct diag *reterr)
{
    *spool = (struct spool){.fd = -1};
    buf_init(&spool->pending, SPOOL_BLOCK);
    return spool_file(folder, &spool->fd, reterr);
}

void spool_fini(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    spool->fd = -1;
    buf_fini(&spool->pending);
}

enum status spool_put(int fd, uint64_t at, const void *data, size_t size, const char *target,
                      struct diag *reterr)
{
    const char *from = data;
    while (size > 0) {
        ssize_t n = pwrite(fd, from, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return diag_errno(reterr, target, "cannot write");
        from += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return STATUS_OK;
}

MUST_USE static enum status spool_flush(struct spool *spool, struct diag *reterr)
{
    const size_t size = spool->pending.size;
    TRY(spool_put(spool->fd, spool->size, spool->pending.data, size, "a temporary file", reterr));
    spool->size += size;
    buf_clear(&spool->pending);
    return STATUS_OK;
}

enum status spool_write(struct spool *spool, const void *data, size_t size, struct diag *reterr)
{
    if (spool->pending.size + size > SPOOL_BLOCK)
        TRY(spool_flush(spool, reterr));
    if (size > SPOOL_BLOCK) {
        TRY(spool_put(spool->fd, spool->size, data, size, "a temporary file", reterr));
        spool->size += size;
        return STATUS_OK;
    }
    buf_append(&spool->pending, data, size);
    return spool->pending.failed ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

enum status spool_copy(struct spool *spool, int fd, uint64_t at, const char *target,
                       struct diag *reterr)
{
    TRY(spool_flush(spool, reterr));
    if (buf_reserve(&spool->pending, SPOOL_BLOCK) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (uint64_t done = 0; done < spool->size;) {
        ssize_t n = pread(spool->fd, spool->pending.data, SPOOL_BLOCK, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return diag_errno(reterr, target, "cannot read a temporary file for");
        TRY(spool_put(fd, at + done, spool->pending.data, (size_t)n, target, reterr));
        done += (uint64_t)n;
    }
    return STATUS_OK;
}
