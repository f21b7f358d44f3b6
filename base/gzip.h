// Reads a plain or gzip file as a stream of bytes; which it is, its first two bytes tell.
#pragma once

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
