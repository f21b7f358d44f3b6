#include "base/gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { GZIP_BLOCK = 256 * 1024 };

struct gzip_reader {
    int fd;
    char *path;
    uint64_t position, file_size;
    bool compressed, stream_ended, file_ended;
    z_stream zlib;
    bool zlib_ready;
    size_t begin, end; // unread bytes of `block`
    unsigned char block[GZIP_BLOCK];
};

// Refills an empty block. At the end of the file it stays empty and file_ended is set.
MUST_USE static enum status gzip_refill(struct gzip_reader *reader, struct diag *reterr)
{
    ssize_t got;
    do
        got = read(reader->fd, reader->block, GZIP_BLOCK);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return diag_errno(reterr, reader->path, "cannot read");
    reader->begin = 0;
    reader->end = (size_t)got;
    reader->position += (uint64_t)got;
    reader->file_ended = got == 0;
    return STATUS_OK;
}

MUST_USE static enum status gzip_begin(struct gzip_reader *reader, struct diag *reterr)
{
    TRY(gzip_refill(reader, reterr));
    reader->compressed = reader->end >= 2 && reader->block[0] == 0x1f && reader->block[1] == 0x8b;
    if (!reader->compressed)
        return STATUS_OK;
    if (inflateInit2(&reader->zlib, 15 + 16) != Z_OK)
        return diag_at_line(reterr, STATUS_NO_MEMORY, reader->path, 0, 0, "cannot start zlib");
    reader->zlib_ready = true;
    return STATUS_OK;
}

enum status gzip_open(const char *path, struct gzip_reader **ret_reader, struct diag *reterr)
{
    struct gzip_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    enum status code = STATUS_OK;
    struct stat info;
    reader->path = strdup(path);
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->path == NULL)
        code = diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    else if (reader->fd < 0 || fstat(reader->fd, &info) != 0)
        code = diag_errno(reterr, path, "cannot open");
    else if (S_ISDIR(info.st_mode))
        code = diag_at_line(reterr, STATUS_IO, path, 0, 0, "is a folder, not a file");
    else
        code = gzip_begin(reader, reterr);
    if (code != STATUS_OK) {
        gzip_close(reader);
        return code;
    }
    reader->file_size = (uint64_t)info.st_size;
    *ret_reader = reader;
    return STATUS_OK;
}

static size_t gzip_copy_plain(struct gzip_reader *reader, unsigned char *data, size_t size)
{
    size_t have = reader->end - reader->begin;
    size_t take = have < size ? have : size;
    memcpy(data, reader->block + reader->begin, take);
    reader->begin += take;
    return take;
}

// Inflates what the block holds into data; a gzip file may be several members one after another.
MUST_USE static enum status gzip_inflate_block(struct gzip_reader *reader, unsigned char *data,
                                               size_t size, size_t *ret_made, struct diag *reterr)
{
    z_stream *zlib = &reader->zlib;
    if (reader->stream_ended) {
        if (inflateReset(zlib) != Z_OK)
            return diag_at_line(reterr, STATUS_INTERNAL, reader->path, 0, 0, "zlib failed");
        reader->stream_ended = false;
    }
    uInt room = size > GZIP_BLOCK ? GZIP_BLOCK : (uInt)size;
    zlib->next_in = reader->block + reader->begin;
    zlib->avail_in = (uInt)(reader->end - reader->begin);
    zlib->next_out = data;
    zlib->avail_out = room;
    int result = inflate(zlib, Z_NO_FLUSH);
    reader->begin = reader->end - zlib->avail_in;
    *ret_made = room - zlib->avail_out;
    if (result == Z_STREAM_END)
        reader->stream_ended = true;
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return diag_at_line(reterr, STATUS_CORRUPT, reader->path, 0, 0, "damaged gzip data (%s)",
                            zlib->msg == NULL ? "no detail" : zlib->msg);
    return STATUS_OK;
}

enum status gzip_read(struct gzip_reader *reader, void *data, size_t size, size_t *ret_got,
                      struct diag *reterr)
{
    size_t got = 0;
    while (got < size) {
        if (reader->begin == reader->end) {
            if (!reader->file_ended)
                TRY(gzip_refill(reader, reterr));
            if (reader->file_ended)
                break;
        }
        unsigned char *out = (unsigned char *)data + got;
        size_t made = 0;
        if (reader->compressed)
            TRY(gzip_inflate_block(reader, out, size - got, &made, reterr));
        else
            made = gzip_copy_plain(reader, out, size - got);
        got += made;
    }
    if (got == 0 && reader->compressed && !reader->stream_ended)
        return diag_at_line(reterr, STATUS_CORRUPT, reader->path, 0, 0,
                            "the gzip data end too early: the file is truncated");
    *ret_got = got;
    return STATUS_OK;
}

uint64_t gzip_position(const struct gzip_reader *reader)
{
    return reader->position;
}

uint64_t gzip_file_size(const struct gzip_reader *reader)
{
    return reader->file_size;
}

void gzip_close(struct gzip_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->zlib_ready)
        inflateEnd(&reader->zlib);
    if (reader->fd >= 0)
        close(reader->fd);
    free(reader->path);
    free(reader);
}

// ---- a whole text in memory -----------------------------------------------------------------

enum { GZIP_STEP = 64 * 1024, GZIP_ROOM = 64 * 1024 };

// zlib asks for its window when it first needs one; it gets it from here, so that inflating never
// allocates. An inflate state and a window of 32 KB are what it asks for.
struct gzip_inflater {
    z_stream zlib;
    size_t used;
    _Alignas(16) unsigned char room[GZIP_ROOM];
};

static void *gzip_take(void *opaque, unsigned count, unsigned size)
{
    struct gzip_inflater *inflater = opaque;
    size_t bytes = ((size_t)count * size + 15) / 16 * 16;
    if (bytes > GZIP_ROOM - inflater->used)
        return NULL;
    void *taken = inflater->room + inflater->used;
    inflater->used += bytes;
    return taken;
}

static void gzip_keep(void *opaque, void *address)
{
    (void)opaque, (void)address;
}

struct gzip_inflater *gzip_inflater_new(void)
{
    struct gzip_inflater *inflater = aligned_alloc(16, sizeof(*inflater));
    if (inflater == NULL)
        return NULL;
    inflater->used = 0;
    inflater->zlib = (z_stream){.zalloc = gzip_take, .zfree = gzip_keep, .opaque = inflater};
    if (inflateInit2(&inflater->zlib, 15 + 16) == Z_OK)
        return inflater;
    free(inflater);
    return NULL;
}

void gzip_inflater_free(struct gzip_inflater *inflater)
{
    if (inflater != NULL)
        inflateEnd(&inflater->zlib);
    free(inflater);
}

enum status gzip_inflate(struct gzip_inflater *inflater, const char *data, size_t size,
                         struct buf *out, size_t max_bytes, struct diag *reterr)
{
    z_stream *zlib = &inflater->zlib;
    size_t begin = out->size;
    if (size > UINT_MAX || inflateReset(zlib) != Z_OK)
        return diag_set(reterr, STATUS_INVALID, "not a gzip text");
    zlib->next_in = (unsigned char *)(uintptr_t)data;
    zlib->avail_in = (unsigned)size;
    int state = Z_OK;
    while (state == Z_OK) {
        size_t left = max_bytes - (out->size - begin);
        size_t step = left < GZIP_STEP ? left + 1 : GZIP_STEP; // one byte more tells of too many
        if (buf_reserve(out, step) != STATUS_OK)
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the text");
        zlib->next_out = (unsigned char *)out->data + out->size;
        zlib->avail_out = (unsigned)step;
        state = inflate(zlib, Z_NO_FLUSH);
        out->size += step - zlib->avail_out;
        out->data[out->size] = '\0';
        if (out->size - begin > max_bytes)
            return diag_set(reterr, STATUS_TOO_LARGE, "the text has more than %zu bytes inflated",
                            max_bytes);
        if (state == Z_OK && zlib->avail_in == 0 && zlib->avail_out > 0)
            break; // more of it was never sent
    }
    if (state != Z_STREAM_END)
        return diag_set(reterr, STATUS_INVALID, "the gzip text is damaged or cut short");
    if (zlib->avail_in != 0)
        return diag_set(reterr, STATUS_INVALID, "bytes follow the gzip text");
    return STATUS_OK;
}
