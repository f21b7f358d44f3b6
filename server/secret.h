// The token that opens the admin port.
#pragma once

#include "base/digest.h"
#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>

enum { SECRET_LEAST_BYTES = 16, SECRET_MOST_BYTES = 4096 };

struct secret {
    char digest[DIGEST_HEX + 1]; // SHA-256 of the token, which itself is kept nowhere
};

// A regular file of root or of this user, which nobody else may read or write; a line end behind
// the token does not count. STATUS_CONFIG.
MUST_USE enum status secret_load(const char *path, struct secret *ret_secret, struct diag *reterr);
// In a time that does not depend on where the two differ.
bool secret_matches(const struct secret *secret, struct span token);
void secret_fini(struct secret *secret);
