// A growing byte buffer that is born with its ceiling. Always terminated by a 0 that is not
// counted.
//
// A failed append (ceiling, memory) marks the buffer `failed` and leaves the content as it was;
// later appends do nothing. So a writer may append many times and look once, at buf_status.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t size, capacity, limit;
    bool failed;
};

void buf_init(struct buf *buf, size_t limit_bytes); // no allocation yet
// Over the caller's array, which takes size - 1 bytes and the terminator; no buf_fini.
void buf_over(struct buf *buf, char *array, size_t size);
void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); // keeps the memory, forgets the failure
MUST_USE enum status buf_reserve(struct buf *buf, size_t more_bytes);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_text(struct buf *buf, const char *text);
void buf_span(struct buf *buf, struct span span);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

MUST_USE enum status buf_status(const struct buf *buf); // STATUS_TOO_LARGE after a failed append
struct span buf_view(const struct buf *buf);            // valid until the next append
char *buf_detach(struct buf *buf); // the caller frees; the buffer is empty again. NULL if failed
