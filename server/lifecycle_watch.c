// inotify: what appears in the folders of the models.
#include "server/lifecycle_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

// `other` may be a watch of the same folder.
static void forget(struct lifecycle *lifecycle, int *watch, int other)
{
    if (*watch >= 0 && *watch != other)
        (void)inotify_rm_watch(lifecycle->inotify_fd, *watch);
    *watch = -1;
}

void lifecycle_unwatch(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    forget(lifecycle, &entry->folder_watch, -1);
    forget(lifecycle, &entry->stable_watch, entry->version_watch);
    forget(lifecycle, &entry->version_watch, -1);
}

// -1: there is no such version.
static int watch_version(struct lifecycle *lifecycle, const char *folder, uint64_t version)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%" PRIu64, folder, version);
    if (version == 0 || length < 0 || (size_t)length >= sizeof(path))
        return -1;
    // The same folder again is the same watch; another one under its name is another.
    return inotify_add_watch(lifecycle->inotify_fd, path,
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
}

// A complete version appears by a rename (`ctr publish`); one that is copied piece by piece is
// complete when its file is closed: the newest, or the one that is to be stable.
void lifecycle_watch(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    const uint32_t names = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
    const char *folder = entry->plan->folder;
    uint64_t newest = 0;
    if (lifecycle->inotify_fd < 0)
        return;
    entry->folder_watch = inotify_add_watch(lifecycle->inotify_fd, folder, names);
    if (store_largest(folder, &newest, NULL) != STATUS_OK)
        newest = 0;
    int stable = watch_version(lifecycle, folder, lifecycle_plans_stable(entry->plan));
    if (stable != entry->stable_watch)
        forget(lifecycle, &entry->stable_watch, entry->version_watch);
    entry->stable_watch = stable;
    int version = watch_version(lifecycle, folder, newest);
    if (version != entry->version_watch)
        forget(lifecycle, &entry->version_watch, stable);
    entry->version_watch = version;
}

bool lifecycle_watch_read(struct lifecycle *lifecycle)
{
    char events[4096];
    bool any = false;
    while (read(lifecycle->inotify_fd, events, sizeof(events)) > 0)
        any = true;
    return any;
}
