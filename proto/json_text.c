#include "proto/json_text.h"

#include "proto/json_read.h"

#include <assert.h>
#include <math.h>

static const char *json_text_short(char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

void json_text_string(struct buf *out, struct span text)
{
    buf_char(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if ((unsigned char)c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, text.data + start, i - start);
        start = i + 1;
        const char *escape = json_text_short(c);
        if (escape != NULL)
            buf_text(out, escape);
        else
            buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
    if (text.size > start)
        buf_append(out, text.data + start, text.size - start);
    buf_char(out, '"');
}

void json_text_float(struct buf *out, float x)
{
    assert(isfinite(x));
    char text[32];
    buf_append(out, text, (size_t)(json_read_print_float(text, x) - text));
}

void json_text_double(struct buf *out, double x)
{
    assert(isfinite(x));
    char text[32];
    buf_append(out, text, (size_t)(json_read_print_double(text, x) - text));
}
