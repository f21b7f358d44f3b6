// IP addresses of sockets.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

// IPv4 as RFC 4291 2.5.5.2 maps it into IPv6. All zero: no IP address (a UNIX socket), or every
// address of this machine.
struct address {
    struct in6_addr ip;
};

enum { ADDRESS_TEXT = INET6_ADDRSTRLEN };

// Of the two ends of a socket. The peer's is gone once the connection is reset.
struct address address_of_peer(int fd);
struct address address_of_self(int fd);

bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *address); // only this machine reaches it
// "127.0.0.1", "::1". False: all zero.
bool address_text(const struct address *address, char text[ADDRESS_TEXT]);
