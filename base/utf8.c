#include "base/utf8.h"

#include <assert.h>

size_t utf8_next(struct span text, size_t at, uint32_t *ret_code)
{
    // Smallest code point that needs 2, 3, 4 bytes: anything below was written overlong.
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    assert(at < text.size);
    unsigned char first = (unsigned char)text.data[at];
    size_t length;
    if (first < 0x80) {
        *ret_code = first;
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF)
        length = 2;
    else if (first >= 0xE0 && first <= 0xEF)
        length = 3;
    else if (first >= 0xF0 && first <= 0xF4)
        length = 4;
    else
        return 0;
    if (text.size - at < length)
        return 0;
    uint32_t code = first & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text.data[at + i];
        if ((byte & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (byte & 0x3Fu);
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *ret_code = code;
    return length;
}
