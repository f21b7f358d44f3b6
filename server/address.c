#include "server/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static struct address address_of(int fd, int (*name_of)(int, struct sockaddr *, socklen_t *))
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } end;
    socklen_t size = sizeof(end);
    struct address address = {IN6ADDR_ANY_INIT};
    memset(&end, 0, sizeof(end));
    if (name_of(fd, &end.any, &size) != 0)
        return address;
    if (end.any.sa_family == AF_INET6) {
        address.ip = end.v6.sin6_addr;
    } else if (end.any.sa_family == AF_INET && end.v4.sin_addr.s_addr != htonl(INADDR_ANY)) {
        memcpy(address.ip.s6_addr, mapped, sizeof(mapped));
        memcpy(address.ip.s6_addr + sizeof(mapped), &end.v4.sin_addr, 4);
    }
    return address;
}

struct address address_of_peer(int fd)
{
    return address_of(fd, getpeername);
}

struct address address_of_self(int fd)
{
    return address_of(fd, getsockname);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return IN6_ARE_ADDR_EQUAL(&a->ip, &b->ip);
}

bool address_is_loopback(const struct address *address)
{
    return IN6_IS_ADDR_LOOPBACK(&address->ip) ||
           (IN6_IS_ADDR_V4MAPPED(&address->ip) && address->ip.s6_addr[12] == IN_LOOPBACKNET);
}

bool address_text(const struct address *address, char text[ADDRESS_TEXT])
{
    if (IN6_IS_ADDR_UNSPECIFIED(&address->ip))
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&address->ip))
        return inet_ntop(AF_INET, address->ip.s6_addr + 12, text, ADDRESS_TEXT) != NULL;
    return inet_ntop(AF_INET6, &address->ip, text, ADDRESS_TEXT) != NULL;
}
