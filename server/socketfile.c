#include "server/socketfile.h"

#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char socketfile_key[] = "admin.socket";

static enum status fail(const char *path, const char *what, struct diag *reterr)
{
    return diag_at_path(reterr, STATUS_IO, socketfile_key, "%s: %s: %s", path, what,
                        strerror(errno));
}

// Does a living process listen there?
static bool answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    int failed = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    bool dead = failed != 0 && errno == ECONNREFUSED;
    close(fd);
    return !dead;
}

// Nothing, or a socket that nobody listens on any more: then the name is free for us.
static enum status check_place(const struct sockaddr_un *address, struct diag *reterr)
{
    const char *path = address->sun_path;
    struct stat state;
    if (lstat(path, &state) == 0 && answers(address))
        return diag_at_path(reterr, STATUS_CONFIG, socketfile_key, "somebody listens on %s already",
                            path);
    return STATUS_OK;
}

// Made beside its place under a name of this process, with its mode and owner, then renamed.
static enum status make(struct socketfile *file, uid_t uid, gid_t gid, struct diag *reterr)
{
    struct sockaddr_un beside = {.sun_family = AF_UNIX};
    struct buf name;
    buf_over(&name, beside.sun_path, sizeof(beside.sun_path));
    buf_printf(&name, "%s.%ld", file->path, (long)getpid());
    assert(buf_status(&name) == STATUS_OK); // socketfile_check
    unlink(beside.sun_path);
    mode_t before = umask(0177);
    int failed = bind(file->fd, (const struct sockaddr *)&beside, sizeof(beside));
    umask(before);
    if (failed != 0)
        return fail(file->path, "bind", reterr);
    struct stat state;
    if (chown(beside.sun_path, uid, gid) != 0 || lstat(beside.sun_path, &state) != 0 ||
        listen(file->fd, SOMAXCONN) != 0 || rename(beside.sun_path, file->path) != 0) {
        fail(file->path, "cannot be made", reterr);
        unlink(beside.sun_path);
        return STATUS_IO;
    }
    file->device = state.st_dev;
    file->inode = state.st_ino;
    return STATUS_OK;
}

static enum status check_folder(const char *path, struct diag *reterr)
{
    char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = ".";
    struct stat state;
    const char *slash = strrchr(path, '/');
    if (slash != NULL) // the path fits in
        memcpy(folder, path, (size_t)(slash - path) + 1);
    if (stat(folder, &state) != 0)
        return diag_at_path(reterr, STATUS_CONFIG, socketfile_key, "%s: %s", folder,
                            strerror(errno));
    return S_ISDIR(state.st_mode)
               ? STATUS_OK
               : diag_at_path(reterr, STATUS_CONFIG, socketfile_key, "%s is no folder", folder);
}

enum status socketfile_check(const char *path, struct diag *reterr)
{
    // It is made beside its place, with the number of the process behind the name.
    enum { MOST_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof(".4194304") };
    struct stat state;
    if (path[0] == '\0')
        return STATUS_OK;
    if (strlen(path) > MOST_BYTES)
        return diag_at_path(reterr, STATUS_CONFIG, socketfile_key,
                            "the path is longer than %d bytes", (int)MOST_BYTES);
    if (lstat(path, &state) != 0)
        return check_folder(path, reterr);
    return S_ISSOCK(state.st_mode) ? STATUS_OK
                                   : diag_at_path(reterr, STATUS_CONFIG, socketfile_key,
                                                  "%s is there and is no socket", path);
}

enum status socketfile_open(const char *path, uid_t uid, gid_t gid, struct socketfile *ret_file,
                            struct diag *reterr)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct socketfile file = {.fd = -1};
    TRY(socketfile_check(path, reterr));
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(file.path, path, strlen(path) + 1);
    TRY(check_place(&address, reterr));
    file.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file.fd < 0)
        return fail(path, "socket", reterr);
    enum status code = make(&file, uid, gid, reterr);
    if (code != STATUS_OK) {
        close(file.fd);
        return code;
    }
    *ret_file = file;
    return STATUS_OK;
}

void socketfile_close(struct socketfile *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    file->fd = -1;
    struct stat state;
    if (file->path[0] != '\0' && lstat(file->path, &state) == 0 && state.st_dev == file->device &&
        state.st_ino == file->inode)
        unlink(file->path);
}
