// The socket that ctrd listens on.
#pragma once

#include "base/status.h"

#include <stdint.h>

// Binds and listens; the caller closes. `address` is numeric, IPv4 or IPv6. Port 0 takes a free
// one. STATUS_CONFIG for an address that is none, STATUS_IO when it cannot be had.
MUST_USE enum status listener_open(const char *address, uint16_t port, int *ret_fd,
                                   uint16_t *ret_port, struct diag *reterr);
