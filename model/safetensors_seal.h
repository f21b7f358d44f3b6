// Where the digest of a safetensors file stands in its header, what it must be, and what is
// believed once it holds. Of the container only.
#pragma once

#include "base/digest.h"
#include "base/status.h"
#include "model/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

// Offset of the 64 digits from the start of the file. False unless there is exactly one place for
// them in the header, which ends at `header_end`.
MUST_USE bool safetensors_seal_find(const unsigned char *data, size_t header_end,
                                    size_t *ret_offset);
// The same; STATUS_CORRUPT with its words.
MUST_USE enum status safetensors_seal_need(const unsigned char *data, size_t header_end,
                                           size_t *ret_offset, struct diag *reterr);
// The digest of the file with the digits at `seal` read as '0'. STATUS_NO_MEMORY.
MUST_USE enum status safetensors_seal_digest(const unsigned char *data, size_t size, size_t seal,
                                             char ret_hex[DIGEST_HEX + 1]);

// Where the header ends, from its first bytes: `size` are those of the whole file, of which
// SAFETENSORS_LENGTH + 1 are looked at. STATUS_CORRUPT.
MUST_USE enum status safetensors_header_end(const unsigned char *data, size_t size, size_t *ret_end,
                                            struct diag *reterr);
// The file behind a header (end) whose digits stand at `seal`, if its digest is `hex`. `data`
// (data_size) is what follows the header; NULL: it stays in the file and tensors have no data.
MUST_USE enum status safetensors_believe(const unsigned char *header, size_t end, size_t seal,
                                         const char *hex, const unsigned char *data,
                                         size_t data_size, struct safetensors *ret_file,
                                         struct diag *reterr);
