// Whole files: read at once with a ceiling, written so that a reader sees all or nothing.
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Reads a regular file into anonymous memory, 64-byte aligned, with `padding` zero bytes behind.
// The caller frees with file_free. STATUS_NOT_FOUND, STATUS_TOO_LARGE (over `limit_bytes`),
// STATUS_IO.
struct file_bytes {
    unsigned char *data;
    size_t size;
    size_t mapped; // of the allocation
};
MUST_USE enum status file_read(const char *path, size_t limit_bytes, size_t padding,
                               struct file_bytes *ret_bytes, struct diag *reterr);
MUST_USE enum status file_read_at(int folder_fd, const char *name, size_t limit_bytes,
                                  size_t padding, struct file_bytes *ret_bytes,
                                  struct diag *reterr); // name: one component, not a symlink
// From a descriptor that stays the caller's; `name` is for messages.
MUST_USE enum status file_read_fd(int fd, const char *name, size_t limit_bytes, size_t padding,
                                  struct file_bytes *ret_bytes, struct diag *reterr);
void file_free(struct file_bytes *bytes);

// A regular file to be read in parts; the caller closes *ret_fd. STATUS_NOT_FOUND, STATUS_IO.
MUST_USE enum status file_open(const char *path, int *ret_fd, size_t *ret_size,
                               struct diag *reterr);
// size bytes from `offset` on, all of them; `name` is for messages. STATUS_IO.
MUST_USE enum status file_read_part(int fd, const char *name, size_t offset, void *ret_data,
                                    size_t size, struct diag *reterr);

// Writes beside, fsync, rename: `path` holds the old content or the new, never a part.
MUST_USE enum status file_write_atomic(const char *path, const void *data, size_t size,
                                       struct diag *reterr);

// The same for a stream of writes: open, write..., then commit (or abort, which removes it).
struct file_writer {
    int fd;
    char *path, *temporary;
    struct buf pending;
    bool failed;
    int error; // errno of the first failed write
};
MUST_USE enum status file_writer_open(struct file_writer *writer, const char *path,
                                      struct diag *reterr);
void file_writer_write(struct file_writer *writer, const void *data, size_t size); // sticky failure
void file_writer_printf(struct file_writer *writer, const char *format, ...) PRINTF_LIKE(2, 3);
MUST_USE enum status file_writer_commit(struct file_writer *writer, struct diag *reterr);
void file_writer_abort(struct file_writer *writer); // also after a failed commit; idempotent
// Opens a new file beside `path`, with a name that is nobody else's: *ret_name, which the caller
// frees and renames to `path` or unlinks. file_sweep knows it.
MUST_USE enum status file_open_beside(const char *path, int *ret_fd, char **ret_name,
                                      struct diag *reterr);
// Removes what killed writers left in `folder`. Only where nobody else writes now: the caller holds
// a lock. A folder that is not there is no error.
MUST_USE enum status file_sweep(const char *folder, struct diag *reterr);

MUST_USE enum status file_make_folder(const char *path, struct diag *reterr); // and its parents
bool file_exists(const char *path);
MUST_USE enum status file_remove(const char *path, struct diag *reterr); // absent is no error
// Within a file system: `to` is replaced at once, and is on the disk when this returns.
MUST_USE enum status file_move(const char *from, const char *to, struct diag *reterr);
// "folder/name"; an absolute name stays itself. The caller frees. NULL: no memory.
char *file_join(const char *folder, const char *name);
char *file_folder_of(const char *path); // "." where there is no '/'; the caller frees
