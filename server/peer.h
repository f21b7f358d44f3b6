// Who is at the other end of a UNIX socket.
#pragma once

#include <stdbool.h>

// Root, or the user that this process runs as. False too for sockets that do not tell.
bool peer_allowed(int socket_fd);
