// Writing: to a temporary file beside, then fsync and rename, then fsync of the folder.
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_WRITER_BLOCK = 256 * 1024 };

enum status file_writer_open(struct file_writer *writer, const char *path, struct diag *reterr)
{
    *writer = (struct file_writer){.fd = -1};
    buf_init(&writer->pending, FILE_WRITER_BLOCK);
    writer->path = strdup(path);
    if (writer->path == NULL ||
        asprintf(&writer->temporary, "%s.%d.tmp", path, (int)getpid()) < 0) {
        writer->temporary = NULL;
        file_writer_abort(writer);
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    }
    // What a killed process of the same number left behind is in nobody's use.
    unlink(writer->temporary);
    writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        enum status code = diag_errno(reterr, path, "cannot create");
        free(writer->temporary);
        writer->temporary = NULL;
        file_writer_abort(writer);
        return code;
    }
    return STATUS_OK;
}

static void file_write_fail(struct file_writer *writer, int error)
{
    if (!writer->failed)
        writer->error = error;
    writer->failed = true;
}

static void file_write_put(struct file_writer *writer, const unsigned char *data, size_t size)
{
    while (size > 0 && !writer->failed) {
        ssize_t n = write(writer->fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            file_write_fail(writer, errno);
            return;
        }
        data += n;
        size -= (size_t)n;
    }
}

static void file_write_flush(struct file_writer *writer)
{
    struct span view = buf_view(&writer->pending);
    file_write_put(writer, (const unsigned char *)view.data, view.size);
    buf_clear(&writer->pending);
}

void file_writer_write(struct file_writer *writer, const void *data, size_t size)
{
    if (writer->pending.size + size > FILE_WRITER_BLOCK)
        file_write_flush(writer);
    if (size >= FILE_WRITER_BLOCK) {
        file_write_put(writer, data, size);
        return;
    }
    buf_append(&writer->pending, data, size);
    if (writer->pending.failed)
        file_write_fail(writer, ENOMEM);
}

void file_writer_printf(struct file_writer *writer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        file_write_fail(writer, ENOMEM);
        return;
    }
    file_writer_write(writer, text, (size_t)length);
    free(text);
}

// The rename is durable when the folder is on the disk.
MUST_USE static enum status file_write_sync_folder(const char *path, struct diag *reterr)
{
    char *folder = file_folder_of(path);
    if (folder == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status code = STATUS_OK;
    // Some file systems cannot sync a folder and say EINVAL: nothing more can be done there.
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        code = diag_errno(reterr, folder, "cannot sync the folder");
    if (fd >= 0)
        close(fd);
    free(folder);
    return code;
}

enum status file_writer_commit(struct file_writer *writer, struct diag *reterr)
{
    file_write_flush(writer);
    if (!writer->failed && fsync(writer->fd) != 0)
        file_write_fail(writer, errno);
    if (!writer->failed && rename(writer->temporary, writer->path) != 0)
        file_write_fail(writer, errno);
    if (writer->failed) {
        errno = writer->error;
        enum status code = diag_errno(reterr, writer->path, "cannot write");
        file_writer_abort(writer);
        return code == STATUS_NOT_FOUND ? STATUS_IO : code;
    }
    enum status code = file_write_sync_folder(writer->path, reterr);
    free(writer->temporary);
    writer->temporary = NULL;
    file_writer_abort(writer);
    return code;
}

enum status file_move(const char *from, const char *to, struct diag *reterr)
{
    if (rename(from, to) != 0)
        return diag_errno(reterr, from, "cannot move");
    return file_write_sync_folder(to, reterr);
}

void file_writer_abort(struct file_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->temporary != NULL)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    buf_fini(&writer->pending);
    *writer = (struct file_writer){.fd = -1};
}

enum status file_write_atomic(const char *path, const void *data, size_t size, struct diag *reterr)
{
    struct file_writer writer;
    TRY(file_writer_open(&writer, path, reterr));
    file_writer_write(&writer, data, size);
    return file_writer_commit(&writer, reterr);
}

enum status file_open_beside(const char *path, int *ret_fd, char **ret_name, struct diag *reterr)
{
    char ending[32], *name;
    const int size = snprintf(ending, sizeof(ending), ".%d.tmp", (int)getpid());
    if (asprintf(&name, "%s.XXXXXX%s", path, ending) < 0)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    *ret_fd = mkostemps(name, size, O_CLOEXEC);
    if (*ret_fd < 0) {
        enum status code = diag_errno(reterr, path, "cannot create");
        free(name);
        return code;
    }
    *ret_name = name;
    return STATUS_OK;
}

// NAME.PID.tmp
static bool file_is_temporary(const char *name)
{
    static const char ending[] = ".tmp";
    const size_t size = strlen(name), end = sizeof(ending) - 1;
    if (size < end || strcmp(name + size - end, ending) != 0)
        return false;
    size_t at = size - end, digits = 0;
    for (; at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9'; at--)
        digits++;
    return digits > 0 && at > 1 && name[at - 1] == '.';
}

enum status file_sweep(const char *folder, struct diag *reterr)
{
    DIR *list = opendir(folder);
    if (list == NULL)
        return errno == ENOENT ? STATUS_OK : diag_errno(reterr, folder, "cannot read");
    enum status code = STATUS_OK;
    for (const struct dirent *entry; code == STATUS_OK && (entry = readdir(list)) != NULL;)
        if (file_is_temporary(entry->d_name) && unlinkat(dirfd(list), entry->d_name, 0) != 0 &&
            errno != ENOENT)
            code = diag_errno(reterr, entry->d_name, "cannot remove");
    closedir(list);
    return code;
}
