#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_LINKS = 40, MAX_DEPTH = 64 };

static enum status refuse(struct diag *reterr, const char *path)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0, "cannot open: %s",
                            strerror(errno));
    if (errno == EXDEV)
        return diag_at_line(reterr, STATUS_IO, path, 0, 0, "leads out of its folder");
    return diag_errno(reterr, path, "cannot open");
}

enum status beneath_open(int root_fd, const char *path, int flags, int *ret_fd, struct diag *reterr)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    // EPERM: a sandbox that does not know the call. EAGAIN: a rename raced with `..`.
    if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
        return beneath_walk(root_fd, path, flags, ret_fd, reterr);
    if (fd < 0)
        return refuse(reterr, path);
    *ret_fd = (int)fd;
    return STATUS_OK;
}

// The walk keeps the descriptors of the folders from the root (not in the list) to where it stands,
// so that
// `..` is a step back in the list and can never pass the root.
struct walk {
    int root;
    int folders[MAX_DEPTH];
    unsigned depth, links;
    char rest[PATH_MAX]; // what is still to be walked
};

static int walk_folder(const struct walk *walk)
{
    return walk->depth == 0 ? walk->root : walk->folders[walk->depth - 1];
}

static void walk_up(struct walk *walk)
{
    close(walk->folders[--walk->depth]);
}

// Cuts the first component off the rest. False at the end (errno 0), or where it is too long for a
// name.
static bool walk_component(struct walk *walk, char component[NAME_MAX + 1])
{
    const char *at = walk->rest + strspn(walk->rest, "/");
    size_t size = strcspn(at, "/");
    errno = size > NAME_MAX ? ENAMETOOLONG : 0;
    if (size == 0 || size > NAME_MAX)
        return false;
    memcpy(component, at, size);
    component[size] = '\0';
    at += size;
    at += strspn(at, "/");
    memmove(walk->rest, at, strlen(at) + 1);
    return true;
}

// Puts the target of a link in front of the rest. errno on failure.
static bool walk_link(struct walk *walk, const char *component)
{
    char target[PATH_MAX];
    ssize_t got = readlinkat(walk_folder(walk), component, target, sizeof target);
    if (got < 0)
        return false;
    size_t size = (size_t)got, rest = strlen(walk->rest);
    if (++walk->links > MAX_LINKS) {
        errno = ELOOP;
        return false;
    }
    if (size == 0 || target[0] == '/') {
        errno = EXDEV;
        return false;
    }
    if (size + 1 + rest + 1 > sizeof walk->rest) {
        errno = ENAMETOOLONG;
        return false;
    }
    memmove(walk->rest + size + 1, walk->rest, rest + 1);
    memcpy(walk->rest, target, size);
    walk->rest[size] = '/';
    return true;
}

// One step. *ret_fd >= 0 when the last component was opened. False with errno on failure.
static bool walk_step(struct walk *walk, const char *component, int flags, int *ret_fd)
{
    if (strcmp(component, ".") == 0)
        return true;
    if (strcmp(component, "..") == 0) {
        if (walk->depth == 0) {
            errno = EXDEV;
            return false;
        }
        walk_up(walk);
        return true;
    }
    bool last = walk->rest[0] == '\0';
    int wanted = last ? flags : O_PATH | O_DIRECTORY;
    int fd = openat(walk_folder(walk), component, wanted | O_NOFOLLOW | O_CLOEXEC);
    // A link gives ELOOP, with O_DIRECTORY ENOTDIR: so ask readlink, which knows.
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        int error = errno;
        if (walk_link(walk, component))
            return true;
        if (errno == EINVAL)
            errno = error;
        return false;
    }
    if (fd < 0)
        return false;
    if (last) {
        *ret_fd = fd;
        return true;
    }
    if (walk->depth == MAX_DEPTH) {
        close(fd);
        errno = ENAMETOOLONG;
        return false;
    }
    walk->folders[walk->depth++] = fd;
    return true;
}

enum status beneath_walk(int root_fd, const char *path, int flags, int *ret_fd, struct diag *reterr)
{
    struct walk walk = {.root = root_fd};
    char component[NAME_MAX + 1];
    int fd = -1;
    size_t size = strlen(path);
    errno = size == 0 ? ENOENT : path[0] == '/' ? EXDEV : ENAMETOOLONG;
    if (size == 0 || path[0] == '/' || size >= sizeof walk.rest)
        return refuse(reterr, path);
    memcpy(walk.rest, path, size + 1);
    bool good = true;
    while (good && fd < 0 && walk_component(&walk, component))
        good = walk_step(&walk, component, flags, &fd);
    if (good && fd < 0) // the end, in `.` or `..`: the path names the folder we stand in
        fd = errno == 0 ? openat(walk_folder(&walk), ".", flags | O_CLOEXEC) : -1;
    int error = errno;
    while (walk.depth > 0)
        walk_up(&walk);
    errno = error;
    if (fd < 0)
        return refuse(reterr, path);
    *ret_fd = fd;
    return STATUS_OK;
}
