// For programs that can do nothing about a failure: benches.
#pragma once

#include "base/status.h"

// Ends the program with the words of `diag`, unless `code` is STATUS_OK.
void need(enum status code, const struct diag *diag);
