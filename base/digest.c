#include "base/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

struct digest {
    EVP_MD_CTX *context;
};

struct digest *digest_new(void)
{
    struct digest *digest = malloc(sizeof(*digest));
    if (digest == NULL)
        return NULL;
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        digest_free(digest);
        return NULL;
    }
    return digest;
}

void digest_update(struct digest *digest, const void *data, size_t size)
{
    int done = EVP_DigestUpdate(digest->context, data, size);
    assert(done == 1);
    (void)done;
}

static void digest_print(const unsigned char bytes[DIGEST_BYTES], char ret_hex[DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_hex[DIGEST_HEX] = '\0';
}

void digest_hex(struct digest *digest, char ret_hex[DIGEST_HEX + 1])
{
    unsigned char bytes[DIGEST_BYTES];
    unsigned length = 0;
    int done = EVP_DigestFinal_ex(digest->context, bytes, &length);
    assert(done == 1 && length == DIGEST_BYTES);
    (void)done;
    digest_print(bytes, ret_hex);
}

void digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void digest_hex_of(const void *data, size_t size, char ret_hex[DIGEST_HEX + 1])
{
    unsigned char bytes[DIGEST_BYTES];
    unsigned length = 0;
    int done = EVP_Digest(data, size, bytes, &length, EVP_sha256(), NULL);
    assert(done == 1 && length == DIGEST_BYTES);
    (void)done;
    digest_print(bytes, ret_hex);
}
