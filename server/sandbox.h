// Which system calls the daemon may make (seccomp): the one door to libseccomp.
#pragma once

#include "base/status.h"

enum sandbox_mode { SANDBOX_OFF, SANDBOX_LOG, SANDBOX_ENFORCE }; // as security.sandbox has them

// From now on and for all threads: calls that are not in the list of sandbox.c are let through and
// logged by the kernel (LOG), or fail with EPERM (ENFORCE). After everything that needs more is
// done: sockets, limits, users. STATUS_INTERNAL if the kernel cannot.
MUST_USE enum status sandbox_enter(enum sandbox_mode mode, struct diag *reterr);
