// Property: a response is the same whether it comes whole or in pieces, and no byte is taken twice.
#include "loadtest/response.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t take_all(struct response *response, const char *text, size_t size, size_t piece)
{
    size_t used = 0;
    response_start(response, false);
    while (used < size && response->state != RESPONSE_MALFORMED &&
           response->state != RESPONSE_DONE) {
        size_t left = size - used < piece ? size - used : piece;
        size_t took = response_take(response, text + used, left);
        if (took > left || (took == 0 && response->state < RESPONSE_DONE))
            abort();
        used += took;
    }
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct response whole, pieces;
    if (size == 0)
        return 0;
    size_t piece = 1 + data[0] % 16;
    size_t a = take_all(&whole, (const char *)data + 1, size - 1, size);
    size_t b = take_all(&pieces, (const char *)data + 1, size - 1, piece);
    if (whole.state != pieces.state || whole.status != pieces.status ||
        (whole.state == RESPONSE_DONE && a != b))
        abort();
    return 0;
}
