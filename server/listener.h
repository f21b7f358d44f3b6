// The TCP sockets that ctrd listens on.
#pragma once

#include "base/status.h"

#include <stdint.h>

enum { LISTENER_NONE = -1 };

// Binds; the caller listens and closes. `address` is numeric, IPv4 or IPv6. Port 0 takes a free
// one. `key` is the option that faults are told of. STATUS_CONFIG for an address that is none,
// STATUS_IO when it cannot be had.
MUST_USE enum status listener_bind(const char *address, uint16_t port, const char *key, int *ret_fd,
                                   uint16_t *ret_port, struct diag *reterr);
// Whether it could be bound to: STATUS_CONFIG for an address that is none.
MUST_USE enum status listener_check(const char *address, const char *key, struct diag *reterr);
uint16_t listener_port(int fd); // that it is bound to; 0: none

// Sockets that whoever started the process holds open for it (sd_listen_fds(3): LISTEN_PID,
// LISTEN_FDS, LISTEN_FDNAMES): "http" and "admin"; one without a name is "http". So a service is
// restarted without a refused connection. The variables are removed. LISTENER_NONE for each that is
// not there; STATUS_CONFIG for a name that is not known and for what is no listening stream socket.
MUST_USE enum status listener_inherited(int *ret_http_fd, int *ret_admin_fd, struct diag *reterr);
