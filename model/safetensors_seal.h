// Where the digest of a safetensors file stands in its header, and what it must be. Of the
// container only.
#pragma once

#include "base/digest.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

// Offset of the 64 digits from the start of the file. False unless there is exactly one place for
// them in the header, which ends at `header_end`.
MUST_USE bool safetensors_seal_find(const unsigned char *data, size_t header_end,
                                    size_t *ret_offset);
// The digest of the file with the digits at `seal` read as '0'. STATUS_NO_MEMORY.
MUST_USE enum status safetensors_seal_digest(const unsigned char *data, size_t size, size_t seal,
                                             char ret_hex[DIGEST_HEX + 1]);
