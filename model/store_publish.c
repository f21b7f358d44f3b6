#include "base/file.h"
#include "model/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TRIES = 1000 }; // of a name: each failure means that somebody else has taken one

// Only what could serve is published: the file is loaded and proven as ctrd will do it.
static MUST_USE enum status load_valid(const char *file, struct scorer *ret_scorer,
                                       struct diag *reterr)
{
    struct scorer scorer;
    TRY(scorer_load(file, kernels_at(0), &scorer, reterr));
    if (scorer.checkpoint.role != CHECKPOINT_STUDENT) {
        enum status code = diag_at_line(reterr, STATUS_INVALID, file, 0, 0,
                                        "this is a %s: only a student is published",
                                        checkpoint_role_text(scorer.checkpoint.role));
        scorer_fini(&scorer);
        return code;
    }
    *ret_scorer = scorer;
    return STATUS_OK;
}

// Not mkdtemp, whose folders only their owner may enter: the daemon is another user.
static MUST_USE enum status make_temporary(const char *modeldir, char **ret_path,
                                           struct diag *reterr)
{
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        char *path = NULL;
        if (asprintf(&path, "%s/.publish-%ld-%u", modeldir, (long)getpid(), i) < 0)
            return diag_at_line(reterr, STATUS_NO_MEMORY, modeldir, 0, 0, "no memory for a path");
        if (mkdir(path, 0777) == 0) {
            *ret_path = path;
            return STATUS_OK;
        }
        int error = errno;
        free(path);
        errno = error;
        if (error != EEXIST)
            return diag_errno(reterr, modeldir, "cannot make a temporary folder");
    }
    return diag_at_line(reterr, STATUS_IO, modeldir, 0, 0,
                        "%d temporary folders .publish-* stand here, left by broken publishers",
                        (int)MAX_TRIES);
}

static MUST_USE enum status sync_folder(const char *path, struct diag *reterr)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        enum status code = diag_errno(reterr, path, "cannot sync the folder");
        if (fd >= 0)
            close(fd);
        return code;
    }
    close(fd);
    return STATUS_OK;
}

// Content to the disk before the name: after a crash a version is whole or absent.
static MUST_USE enum status fill_temporary(const char *temporary, const struct scorer *scorer,
                                           struct diag *reterr)
{
    char *path = file_join(temporary, STORE_FILE);
    if (path == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, temporary, 0, 0, "no memory for a path");
    // The bytes that were proven, not the file, which may have changed since.
    const struct file_bytes *bytes = &scorer->checkpoint.bytes;
    enum status code = file_write_atomic(path, bytes->data, bytes->size, reterr);
    free(path);
    return code == STATUS_OK ? sync_folder(temporary, reterr) : code;
}

static void remove_temporary(const char *temporary)
{
    char *path = file_join(temporary, STORE_FILE);
    if (path != NULL)
        unlink(path);
    free(path);
    rmdir(temporary);
}

// errno of the rename, 0 if it was done.
static int take_number(const char *temporary, const char *modeldir, uint64_t version)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%" PRIu64, modeldir, version) < 0)
        return ENOMEM;
    int error = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0 ? 0 : errno;
    // File systems without the flag: a plain rename cannot replace a folder that holds anything
    // either.
    if (error == EINVAL || error == ENOSYS)
        error = rename(temporary, path) == 0 ? 0 : errno;
    free(path);
    return error == ENOTEMPTY || error == ENOTDIR ? EEXIST : error;
}

static MUST_USE enum status name_temporary(const char *temporary, const char *modeldir,
                                           uint64_t version, uint64_t *ret_version,
                                           struct diag *reterr)
{
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        uint64_t number = version;
        if (version == 0) {
            TRY(store_largest(modeldir, &number, reterr));
            if (number >= INT64_MAX)
                return diag_at_line(reterr, STATUS_INVALID, modeldir, 0, 0,
                                    "there is no number after %" PRIu64, number);
            number++;
        }
        int error = take_number(temporary, modeldir, number);
        if (error == 0) {
            *ret_version = number;
            return sync_folder(modeldir, reterr);
        }
        if (error == EEXIST && version != 0)
            return diag_at_line(reterr, STATUS_INVALID, modeldir, 0, 0,
                                "version %" PRIu64 " is there already: versions never change",
                                version);
        errno = error;
        if (error != EEXIST)
            return diag_errno(reterr, modeldir, "cannot name the version");
    }
    return diag_at_line(reterr, STATUS_IO, modeldir, 0, 0,
                        "other publishers took %d numbers in the meantime", (int)MAX_TRIES);
}

static MUST_USE enum status publish(const struct scorer *scorer, const char *modeldir,
                                    uint64_t version, uint64_t *ret_version, struct diag *reterr)
{
    char name[STORE_NAME_BYTES + 1], *temporary = NULL;
    TRY(store_name(modeldir, name, reterr));
    TRY(file_make_folder(modeldir, reterr));
    TRY(make_temporary(modeldir, &temporary, reterr));
    enum status code = fill_temporary(temporary, scorer, reterr);
    if (code == STATUS_OK)
        code = name_temporary(temporary, modeldir, version, ret_version, reterr);
    if (code != STATUS_OK)
        remove_temporary(temporary);
    free(temporary);
    return code;
}

enum status store_publish(const char *file, const char *modeldir, uint64_t version,
                          uint64_t *ret_version, struct diag *reterr)
{
    if (version > INT64_MAX)
        return diag_set(reterr, STATUS_INVALID, "version %" PRIu64 " is over %" PRId64, version,
                        INT64_MAX);
    struct scorer scorer;
    TRY(load_valid(file, &scorer, reterr));
    enum status code = publish(&scorer, modeldir, version, ret_version, reterr);
    scorer_fini(&scorer);
    return code;
}
