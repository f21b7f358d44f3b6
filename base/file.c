#include "base/file.h"

#include "base/num.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum status file_read_part(int fd, const char *name, size_t offset, void *ret_data, size_t size,
                           struct diag *reterr)
{
    unsigned char *data = ret_data;
    for (size_t got = 0; got < size;) {
        ssize_t n = pread(fd, data + got, size - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return diag_errno(reterr, name, "cannot read");
        if (n == 0)
            return diag_at_line(reterr, STATUS_IO, name, 0, 0, "became shorter while it was read");
        got += (size_t)n;
    }
    return STATUS_OK;
}

MUST_USE static enum status file_size(int fd, const char *name, size_t *ret_size,
                                      struct diag *reterr)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return diag_errno(reterr, name, "cannot stat");
    if (!S_ISREG(info.st_mode))
        return diag_at_line(reterr, STATUS_IO, name, 0, 0, "is not a regular file");
    *ret_size = (size_t)info.st_size;
    return STATUS_OK;
}

enum status file_read_fd(int fd, const char *name, size_t limit_bytes, size_t padding,
                         struct file_bytes *ret_bytes, struct diag *reterr)
{
    size_t size, mapped;
    TRY(file_size(fd, name, &size, reterr));
    if (size > limit_bytes)
        return diag_at_line(reterr, STATUS_TOO_LARGE, name, 0, 0, "has %zu bytes, the limit is %zu",
                            size, limit_bytes);
    if (!num_add(size, padding, &mapped))
        return diag_at_line(reterr, STATUS_TOO_LARGE, name, 0, 0, "is too large");
    mapped = mapped == 0 ? 1 : mapped;
    // Anonymous memory, zeroed by the kernel: what is behind the content is the padding.
    void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return diag_errno(reterr, name, "cannot get memory");
    enum status code = file_read_part(fd, name, 0, data, size, reterr);
    if (code != STATUS_OK) {
        munmap(data, mapped);
        return code;
    }
    *ret_bytes = (struct file_bytes){data, size, mapped};
    return STATUS_OK;
}

// O_NONBLOCK: opening a FIFO must not wait for a writer.
enum { FILE_OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK };

enum status file_open(const char *path, int *ret_fd, size_t *ret_size, struct diag *reterr)
{
    int fd = open(path, FILE_OPEN_FLAGS);
    if (fd < 0)
        return diag_errno(reterr, path, "cannot open");
    enum status code = file_size(fd, path, ret_size, reterr);
    if (code == STATUS_OK)
        *ret_fd = fd;
    else
        close(fd);
    return code;
}

MUST_USE static enum status file_open_and_read(int folder_fd, const char *name, int flags,
                                               size_t limit_bytes, size_t padding,
                                               struct file_bytes *ret_bytes, struct diag *reterr)
{
    int fd = openat(folder_fd, name, FILE_OPEN_FLAGS | flags);
    if (fd < 0)
        return diag_errno(reterr, name, "cannot open");
    enum status code = file_read_fd(fd, name, limit_bytes, padding, ret_bytes, reterr);
    close(fd);
    return code;
}

enum status file_read_at(int folder_fd, const char *name, size_t limit_bytes, size_t padding,
                         struct file_bytes *ret_bytes, struct diag *reterr)
{
    assert(strchr(name, '/') == NULL && strcmp(name, "..") != 0);
    return file_open_and_read(folder_fd, name, O_NOFOLLOW, limit_bytes, padding, ret_bytes, reterr);
}

enum status file_read(const char *path, size_t limit_bytes, size_t padding,
                      struct file_bytes *ret_bytes, struct diag *reterr)
{
    return file_open_and_read(AT_FDCWD, path, 0, limit_bytes, padding, ret_bytes, reterr);
}

// In pieces, with a moment between them: while a mapping goes, no other thread gets memory from the
// kernel or gives any back, and whoever unmaps on at once is first in line again. (Another thread
// that maps 512 KB waited for 26 ms at most while 400 MB went at once, 14 ms in pieces, 0.4 ms like
// this; Linux 6.18.)
void file_free(struct file_bytes *bytes)
{
    enum { FILE_FREE_STEP = 4 << 20 };
    static const struct timespec moment = {.tv_nsec = 1000};
    for (size_t at = 0; bytes->data != NULL && at < bytes->mapped; at += FILE_FREE_STEP) {
        size_t left = bytes->mapped - at;
        if (at > 0)
            (void)nanosleep(&moment, NULL);
        munmap(bytes->data + at, left < FILE_FREE_STEP ? left : (size_t)FILE_FREE_STEP);
    }
    *bytes = (struct file_bytes){0};
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum status file_remove(const char *path, struct diag *reterr)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return diag_errno(reterr, path, "cannot remove");
    return STATUS_OK;
}

char *file_join(const char *folder, const char *name)
{
    char *path = NULL;
    if (name[0] == '/' || folder[0] == '\0')
        return strdup(name);
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}

char *file_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

enum status file_make_folder(const char *path, struct diag *reterr)
{
    char *partial = strdup(path);
    if (partial == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    enum status code = STATUS_OK;
    for (char *at = partial + 1; code == STATUS_OK; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char held = *at;
        *at = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            code = diag_errno(reterr, partial, "cannot make the folder");
        *at = held;
        if (held == '\0')
            break;
    }
    free(partial);
    struct stat info;
    if (code == STATUS_OK && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        return diag_at_line(reterr, STATUS_IO, path, 0, 0, "is not a folder");
    return code;
}
