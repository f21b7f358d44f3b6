#include "server/listener.h"

#include "base/num.h"
#include "base/span.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

uint16_t listener_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound;
    memset(&bound, 0, sizeof(bound));
    socklen_t size = sizeof(bound);
    if (getsockname(fd, &bound.any, &size) != 0)
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

// -1 with errno set if the socket cannot be had.
static int bind_to(const struct addrinfo *where)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const int yes = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        bind(fd, where->ai_addr, where->ai_addrlen) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static enum status resolve(const char *address, uint16_t port, const char *key,
                           struct addrinfo **ret_found, struct diag *reterr)
{
    const struct addrinfo wanted = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    char service[8];
    struct in_addr dotted; // getaddrinfo takes "0" and "127.1", too
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    bool known = strchr(address, ':') != NULL || inet_pton(AF_INET, address, &dotted) == 1;
    return known && getaddrinfo(address, service, &wanted, ret_found) == 0
               ? STATUS_OK
               : diag_at_path(reterr, STATUS_CONFIG, key, "'%s' is not a numeric address", address);
}

enum status listener_check(const char *address, const char *key, struct diag *reterr)
{
    struct addrinfo *found;
    TRY(resolve(address, 0, key, &found, reterr));
    freeaddrinfo(found);
    return STATUS_OK;
}

enum status listener_bind(const char *address, uint16_t port, const char *key, int *ret_fd,
                          uint16_t *ret_port, struct diag *reterr)
{
    struct addrinfo *found;
    TRY(resolve(address, port, key, &found, reterr));
    int fd = bind_to(found);
    int error = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return diag_at_path(reterr, STATUS_IO, key, "cannot listen on %s port %u: %s", address,
                            (unsigned)port, strerror(error));
    *ret_fd = fd;
    *ret_port = listener_port(fd);
    return STATUS_OK;
}

enum { FIRST_INHERITED = 3, MOST_INHERITED = 2 };

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// The admin plane asks a UNIX socket who its peer is.
static bool is_listening(int fd, bool admin)
{
    int domain = option_of(fd, SO_DOMAIN);
    bool right = admin ? domain == AF_UNIX : domain == AF_INET || domain == AF_INET6;
    return right && option_of(fd, SO_TYPE) == SOCK_STREAM && option_of(fd, SO_ACCEPTCONN) == 1;
}

// "http:admin": the name at `index`; empty where there is none.
static struct span name_at(const char *names, unsigned index)
{
    for (; names != NULL && index > 0; index--) {
        names = strchr(names, ':');
        names = names != NULL ? names + 1 : NULL;
    }
    return names != NULL ? (struct span){names, strcspn(names, ":")} : (struct span){"", 0};
}

static enum status take_inherited(int fd, struct span name, int *ret_http_fd, int *ret_admin_fd,
                                  struct diag *reterr)
{
    int *place = name.size == 0 || span_is(name, "http") || span_is(name, "unknown") ? ret_http_fd
                 : span_is(name, "admin")                                            ? ret_admin_fd
                                                                                     : NULL;
    if (place == NULL || *place != LISTENER_NONE)
        return diag_at_path(reterr, STATUS_CONFIG, "LISTEN_FDNAMES",
                            "expected http and admin, once each");
    if (!is_listening(fd, place == ret_admin_fd))
        return diag_at_path(reterr, STATUS_CONFIG, "LISTEN_FDS",
                            "descriptor %d is no listening %s stream socket", fd,
                            place == ret_admin_fd ? "UNIX" : "TCP");
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return diag_errno(reterr, "", "LISTEN_FDS");
    *place = fd;
    return STATUS_OK;
}

static enum status take_all(int *ret_http_fd, int *ret_admin_fd, struct diag *reterr)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t number = 0, count = 0;
    if (pid == NULL || fds == NULL || num_parse_u64(span_of(pid), &number) != STATUS_OK ||
        number != (uint64_t)getpid())
        return STATUS_OK; // for another process
    if (num_parse_u64(span_of(fds), &count) != STATUS_OK || count > MOST_INHERITED)
        return diag_at_path(reterr, STATUS_CONFIG, "LISTEN_FDS", "expected at most %d",
                            MOST_INHERITED);
    for (unsigned i = 0; i < count; i++)
        TRY(take_inherited(FIRST_INHERITED + (int)i, name_at(getenv("LISTEN_FDNAMES"), i),
                           ret_http_fd, ret_admin_fd, reterr));
    return STATUS_OK;
}

enum status listener_inherited(int *ret_http_fd, int *ret_admin_fd, struct diag *reterr)
{
    *ret_http_fd = *ret_admin_fd = LISTENER_NONE;
    enum status code = take_all(ret_http_fd, ret_admin_fd, reterr);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return code;
}
