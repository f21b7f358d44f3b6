#include "base/buf.h"

#include "base/num.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.limit = limit_bytes};
}

void buf_over(struct buf *buf, char *array, size_t size)
{
    assert(size > 0);
    array[0] = '\0';
    *buf = (struct buf){.data = array, .capacity = size, .limit = size - 1};
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.limit = buf->limit};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

enum status buf_reserve(struct buf *buf, size_t more_bytes)
{
    size_t need;
    if (!num_add(buf->size, more_bytes, &need) || need > buf->limit)
        return STATUS_TOO_LARGE;
    if (need + 1 <= buf->capacity)
        return STATUS_OK;
    size_t capacity = buf->capacity < BUF_FIRST ? BUF_FIRST : buf->capacity;
    while (capacity < need + 1)
        capacity = capacity > buf->limit / 2 ? buf->limit + 1 : capacity * 2;
    char *data = realloc(buf->data, capacity);
    if (data == NULL)
        return STATUS_NO_MEMORY;
    data[buf->size] = '\0';
    buf->data = data;
    buf->capacity = capacity;
    return STATUS_OK;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    if (buf->failed)
        return;
    if (buf_reserve(buf, size) != STATUS_OK) {
        buf->failed = true;
        return;
    }
    if (size > 0)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void buf_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_span(struct buf *buf, struct span span)
{
    buf_append(buf, span.data, span.size);
}

void buf_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    if (buf->failed)
        return;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || buf_reserve(buf, (size_t)length) != STATUS_OK) {
        buf->failed = true;
    } else {
        vsnprintf(buf->data + buf->size, (size_t)length + 1, format, again);
        buf->size += (size_t)length;
    }
    va_end(again);
}

enum status buf_status(const struct buf *buf)
{
    return buf->failed ? STATUS_TOO_LARGE : STATUS_OK;
}

struct span buf_view(const struct buf *buf)
{
    return (struct span){buf->data == NULL ? "" : buf->data, buf->size};
}

char *buf_detach(struct buf *buf)
{
    if (buf->failed || buf_reserve(buf, 0) != STATUS_OK)
        return NULL;
    char *data = buf->data;
    *buf = (struct buf){.limit = buf->limit};
    return data;
}
