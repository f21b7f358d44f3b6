// SHA-256.
#pragma once

#include "base/status.h"

#include <stddef.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 64 };

struct digest;                   // a running hash
struct digest *digest_new(void); // NULL: no memory
void digest_update(struct digest *digest, const void *data, size_t size);
void digest_hex(struct digest *digest, char ret_hex[DIGEST_HEX + 1]); // lower case; ends the hash
void digest_free(struct digest *digest);

void digest_hex_of(const void *data, size_t size, char ret_hex[DIGEST_HEX + 1]);
