#include "base/span.h"

#include <string.h>

struct span span_of(const char *text)
{
    return (struct span){text, text == NULL ? 0 : strlen(text)};
}

bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool span_is(struct span a, const char *text)
{
    return span_equal(a, span_of(text));
}

int span_compare(struct span a, struct span b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

static bool span_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span a)
{
    while (a.size > 0 && span_is_blank(a.data[0])) {
        a.data++;
        a.size--;
    }
    while (a.size > 0 && span_is_blank(a.data[a.size - 1]))
        a.size--;
    return a;
}

bool span_starts(struct span a, const char *prefix)
{
    size_t length = strlen(prefix);
    return a.size >= length && memcmp(a.data, prefix, length) == 0;
}
