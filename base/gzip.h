// gzip: files as streams of bytes (plain ones too; which it is, the first two bytes tell), and
// whole texts in memory.
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct gzip_reader; // owns a file descriptor and zlib's state; one thread

MUST_USE enum status gzip_open(const char *path, struct gzip_reader **ret_reader,
                               struct diag *reterr);
// Up to `size` bytes; *ret_got = 0 at the end. A truncated or damaged stream is STATUS_CORRUPT.
MUST_USE enum status gzip_read(struct gzip_reader *reader, void *data, size_t size, size_t *ret_got,
                               struct diag *reterr);
uint64_t gzip_position(const struct gzip_reader *reader); // compressed bytes consumed, for progress
uint64_t gzip_file_size(const struct gzip_reader *reader);
void gzip_close(struct gzip_reader *reader); // NULL is nothing

struct gzip_inflater;                          // zlib's state, used again and again; one thread
struct gzip_inflater *gzip_inflater_new(void); // NULL: no memory
void gzip_inflater_free(struct gzip_inflater *inflater); // NULL is nothing

// Appends the text of one gzip member to `out`. STATUS_INVALID for what is no gzip, is cut short,
// or has bytes behind its end; STATUS_TOO_LARGE as soon as the text has more than `max_bytes`;
// STATUS_NO_MEMORY. Allocates nothing but what `out` does.
MUST_USE enum status gzip_inflate(struct gzip_inflater *inflater, const char *data, size_t size,
                                  struct buf *out, size_t max_bytes, struct diag *reterr);
