#include "model/safetensors_seal.h"

#include <string.h>

// The quotes cannot be part of a string: inside one they would be escaped. So this text, behind a
// brace or comma, is a key of the header and nothing else.
static const char seal_key[] = "\"sha256\":\"";

// Where the 64 digits stand, from the start of the file; exactly one place, or none is good.
bool safetensors_seal_find(const unsigned char *data, size_t header_end, size_t *ret_offset)
{
    const size_t key_size = sizeof seal_key - 1;
    size_t from = SAFETENSORS_LENGTH, found = 0;
    for (;;) {
        const unsigned char *hit = memmem(data + from, header_end - from, seal_key, key_size);
        if (hit == NULL)
            break;
        size_t at = (size_t)(hit - data);
        from = at + key_size;
        if (data[at - 1] != '{' && data[at - 1] != ',')
            continue;
        if (found != 0 || header_end - from <= DIGEST_HEX || data[from + DIGEST_HEX] != '"')
            return false;
        found = from;
    }
    *ret_offset = found;
    return found != 0;
}

enum status safetensors_seal_need(const unsigned char *data, size_t header_end, size_t *ret_offset,
                                  struct diag *reterr)
{
    if (!safetensors_seal_find(data, header_end, ret_offset))
        return diag_set(reterr, STATUS_CORRUPT, "the header holds no sha256 of the file");
    return STATUS_OK;
}

enum status safetensors_seal_digest(const unsigned char *data, size_t size, size_t seal,
                                    char hex[DIGEST_HEX + 1])
{
    char blank[DIGEST_HEX];
    memset(blank, '0', sizeof blank);
    struct digest *digest = digest_new();
    if (digest == NULL)
        return STATUS_NO_MEMORY;
    digest_update(digest, data, seal);
    digest_update(digest, blank, sizeof blank);
    digest_update(digest, data + seal + DIGEST_HEX, size - seal - DIGEST_HEX);
    digest_hex(digest, hex);
    digest_free(digest);
    return STATUS_OK;
}
