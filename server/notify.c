#include "server/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify_open(void)
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

void notify_tell(int fd, const char *format, ...)
{
    char text[256];
    va_list arguments;
    if (fd < 0)
        return;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < sizeof(text))
        (void)send(fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}
