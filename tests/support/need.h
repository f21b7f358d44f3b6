// For programs that can do nothing about a failure: benches.
#pragma once

#include "base/status.h"

// Ends the program with the words of `diag`.
_Noreturn void need_failed(enum status code, const struct diag *diag);

static inline void need(enum status code, const struct diag *diag)
{
    if (code != STATUS_OK)
        need_failed(code, diag);
}
