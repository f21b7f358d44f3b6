#include "server/notify.h"

#include "base/num.h"
#include "base/span.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to_manager(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (name == NULL)
        return -1;
    size_t length = strlen(name);
    bool known = (name[0] == '/' || name[0] == '@') && length < sizeof(address.sun_path);
    int fd = known ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (known)
        memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, size) == 0)
        return fd;
    LOG_EVENT(LOG_WARN, "the service manager cannot be told", LOG_S("NOTIFY_SOCKET", name),
              LOG_S("reason", known ? strerror(errno) : "neither a path nor an abstract name"));
    if (fd >= 0)
        close(fd);
    return -1;
}

static uint64_t watchdog_ns(void)
{
    const char *period = getenv("WATCHDOG_USEC"), *owner = getenv("WATCHDOG_PID");
    uint64_t us, pid;
    if (period == NULL || num_parse_u64(span_of(period), &us) != STATUS_OK ||
        us > UINT64_MAX / 1000)
        return 0;
    if (owner != NULL &&
        (num_parse_u64(span_of(owner), &pid) != STATUS_OK || pid != (uint64_t)getpid()))
        return 0;
    return us * 1000;
}

void notify_open(struct notify *notify)
{
    *notify = (struct notify){.fd = connect_to_manager()};
    if (notify->fd >= 0)
        notify->watchdog_ns = watchdog_ns();
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void notify_tell(const struct notify *notify, const char *format, ...)
{
    char text[NOTIFY_STATUS_BYTES + 64];
    va_list arguments;
    if (notify->fd < 0)
        return;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < sizeof(text))
        (void)send(notify->fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}
