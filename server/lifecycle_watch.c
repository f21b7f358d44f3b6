// inotify: what appears in the folders of the models.
#include "server/lifecycle_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static void forget(struct lifecycle *lifecycle, int *watch)
{
    if (*watch >= 0)
        (void)inotify_rm_watch(lifecycle->inotify_fd, *watch);
    *watch = -1;
}

void lifecycle_unwatch(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    forget(lifecycle, &entry->folder_watch);
    forget(lifecycle, &entry->version_watch);
}

// A complete version appears by a rename (`ctr publish`); one that is copied piece by piece is
// complete when its file is closed.
void lifecycle_watch(struct lifecycle *lifecycle, struct lifecycle_entry *entry)
{
    const uint32_t names = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
    char path[4096];
    uint64_t newest = 0;
    if (lifecycle->inotify_fd < 0)
        return;
    // The same folder again is the same watch; another one under its name is another.
    entry->folder_watch = inotify_add_watch(lifecycle->inotify_fd, entry->plan->folder, names);
    if (store_largest(entry->plan->folder, &newest, NULL) != STATUS_OK || newest == 0)
        return;
    int length = snprintf(path, sizeof(path), "%s/%" PRIu64, entry->plan->folder, newest);
    if (length < 0 || (size_t)length >= sizeof(path))
        return;
    int watch =
        inotify_add_watch(lifecycle->inotify_fd, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
    if (watch != entry->version_watch)
        forget(lifecycle, &entry->version_watch);
    entry->version_watch = watch;
}

bool lifecycle_watch_read(struct lifecycle *lifecycle)
{
    char events[4096];
    bool any = false;
    while (read(lifecycle->inotify_fd, events, sizeof(events)) > 0)
        any = true;
    return any;
}
