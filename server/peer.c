#include "server/peer.h"

#include <sys/socket.h>
#include <unistd.h>

bool peer_allowed(int socket_fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    // Of a TCP socket the kernel says user -1.
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer))
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}
