#include "model/train/lineread.h"

#include "base/gzip.h"

#include <assert.h>
#include <string.h>

void lineread_init(struct lineread *reader, const struct shards *shards, bool quotes)
{
    *reader = (struct lineread){.shards = shards, .quotes = quotes};
    buf_init(&reader->carry, SIZE_MAX / 2);
    buf_init(&reader->header, LINEREAD_MAX_LINE);
}

void lineread_fini(struct lineread *reader)
{
    gzip_close(reader->gzip);
    buf_fini(&reader->carry);
    buf_fini(&reader->header);
    *reader = (struct lineread){0};
}

void lineread_block_init(struct lineread_block *block)
{
    *block = (struct lineread_block){0};
    buf_init(&block->text, SIZE_MAX / 2);
    buf_init(&block->header, LINEREAD_MAX_LINE);
}

void lineread_block_fini(struct lineread_block *block)
{
    buf_fini(&block->text);
    buf_fini(&block->header);
}

uint64_t lineread_position(const struct lineread *reader)
{
    return reader->done_bytes + (reader->gzip == NULL ? 0 : gzip_position(reader->gzip));
}

MUST_USE static enum status lineread_no_memory(const struct lineread *reader, struct diag *reterr)
{
    return diag_at_line(reterr, STATUS_NO_MEMORY, reader->shards->paths[reader->file - 1], 0, 0,
                        "out of memory");
}

MUST_USE static enum status lineread_open(struct lineread *reader, struct diag *reterr)
{
    TRY(gzip_open(reader->shards->paths[reader->file++], &reader->gzip, reterr));
    reader->ended = reader->inside = reader->skipping = reader->has_header = false;
    reader->line = 1;
    buf_clear(&reader->carry);
    buf_clear(&reader->header);
    return STATUS_OK;
}

static void lineread_close(struct lineread *reader)
{
    reader->done_bytes += gzip_position(reader->gzip);
    gzip_close(reader->gzip);
    reader->gzip = NULL;
}

// More bytes behind `text`; at the end a last line gets its line break.
MUST_USE static enum status lineread_fill(struct lineread *reader, struct buf *text,
                                          struct diag *reterr)
{
    const bool start = reader->line == 1 && text->size == 0 && !reader->skipping;
    size_t got = 0;
    if (buf_reserve(text, LINEREAD_BLOCK + LINEREAD_PADDING) != STATUS_OK)
        return lineread_no_memory(reader, reterr);
    TRY(gzip_read(reader->gzip, text->data + text->size, LINEREAD_BLOCK, &got, reterr));
    char *added = text->data + text->size;
    if (start && got >= 3 && memcmp(added, "\xef\xbb\xbf", 3) == 0) {
        got -= 3;
        memmove(added, added + 3, got);
    }
    reader->ended = got == 0;
    text->size += got;
    if (got == 0 && text->size > 0 && text->data[text->size - 1] != '\n')
        text->data[text->size++] = '\n'; // reserved above
    text->data[text->size] = '\0';
    return STATUS_OK;
}

// Bytes up to and with the last (or first) line break of text[from ..] that ends a line; 0: none.
// `inside` follows the quotes up to the end of the text, or to that first break.
static size_t lineread_cut(const struct lineread *reader, struct span text, size_t from, bool first,
                           bool *inside)
{
    size_t cut = 0;
    if (!reader->quotes) {
        const char *at = first ? memchr(text.data + from, '\n', text.size - from)
                               : memrchr(text.data + from, '\n', text.size - from);
        return at == NULL ? 0 : (size_t)(at - text.data) + 1;
    }
    for (size_t i = from; i < text.size; i++) {
        if (text.data[i] == '"')
            *inside = !*inside;
        if (text.data[i] != '\n' || *inside)
            continue;
        cut = i + 1;
        if (first)
            break;
    }
    return cut;
}

static unsigned lineread_count(const char *text, size_t size)
{
    unsigned count = 0;
    const char *end = text + size;
    while (text < end && (text = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        count++;
        text++;
    }
    return count;
}

// The header from the front of what was carried over; the rest stays there.
MUST_USE static enum status lineread_header(struct lineread *reader, struct diag *reterr)
{
    struct buf *carry = &reader->carry;
    size_t cut = 0, from = 0;
    bool inside = false;
    while (cut == 0 && !reader->ended) {
        TRY(lineread_fill(reader, carry, reterr));
        cut = lineread_cut(reader, buf_view(carry), from, true, &inside);
        from = carry->size;
        if (cut == 0 && carry->size > LINEREAD_MAX_LINE)
            break;
    }
    if (cut == 0)
        return diag_at_line(reterr, STATUS_INVALID, reader->shards->paths[reader->file - 1], 1, 0,
                            carry->size == 0 ? "the file is empty: a header is missing"
                                             : "the header does not end");
    size_t size = cut - 1;
    size -= size > 0 && carry->data[size - 1] == '\r';
    buf_append(&reader->header, carry->data, size);
    if (reader->header.failed)
        return lineread_no_memory(reader, reterr);
    reader->line += lineread_count(carry->data, cut);
    memmove(carry->data, carry->data + cut, carry->size - cut + 1);
    carry->size -= cut;
    reader->has_header = true;
    return STATUS_OK;
}

// Drops text up to the end of a line that was too long.
MUST_USE static enum status lineread_skip(struct lineread *reader, struct diag *reterr)
{
    struct buf *carry = &reader->carry;
    size_t cut = 0;
    while (cut == 0 && !reader->ended) {
        buf_clear(carry);
        TRY(lineread_fill(reader, carry, reterr));
        cut = lineread_cut(reader, buf_view(carry), 0, true, &reader->inside);
        reader->line += lineread_count(carry->data, cut == 0 ? carry->size : cut);
    }
    memmove(carry->data, carry->data + cut, carry->size - cut + 1);
    carry->size -= cut;
    reader->skipping = false;
    return STATUS_OK;
}

// Whole lines of the open file; none: it is through.
MUST_USE static enum status lineread_take(struct lineread *reader, struct lineread_block *block,
                                          struct diag *reterr)
{
    struct buf *text = &block->text;
    size_t cut = 0, from = 0;
    if (reader->skipping)
        TRY(lineread_skip(reader, reterr));
    if (reader->quotes && !reader->has_header)
        TRY(lineread_header(reader, reterr));
    buf_append(text, reader->carry.data, reader->carry.size);
    buf_clear(&reader->carry);
    reader->inside = false;
    bool last = reader->ended; // all of it is here
    do {
        if (!last)
            TRY(lineread_fill(reader, text, reterr));
        last = reader->ended;
        size_t found = lineread_cut(reader, buf_view(text), from, false, &reader->inside);
        cut = found > 0 ? found : cut;
        from = text->size;
    } while (!last && (cut == 0 || text->size < LINEREAD_BLOCK) && text->size <= LINEREAD_MAX_LINE);
    if (last)
        cut = text->size; // a quote that stays open is for the parser to tell
    block->overlong = cut == 0 && !last;
    reader->skipping = block->overlong;
    if (!block->overlong)
        buf_append(&reader->carry, text->data + cut, text->size - cut);
    text->size = cut;
    if (text->failed || reader->carry.failed || buf_reserve(text, LINEREAD_PADDING) != STATUS_OK)
        return lineread_no_memory(reader, reterr);
    return STATUS_OK;
}

enum status lineread_next(struct lineread *reader, struct lineread_block *block, bool *ret_more,
                          struct diag *reterr)
{
    buf_clear(&block->text);
    buf_clear(&block->header);
    block->overlong = false;
    *ret_more = false;
    for (;;) {
        if (reader->gzip == NULL && reader->file == reader->shards->count)
            return STATUS_OK;
        if (reader->gzip == NULL)
            TRY(lineread_open(reader, reterr));
        block->file = reader->shards->paths[reader->file - 1];
        TRY(lineread_take(reader, block, reterr));
        if (block->text.size > 0 || block->overlong)
            break;
        lineread_close(reader);
    }
    // Behind a header and behind a line that was dropped the number has moved on already.
    block->first_line = reader->line;
    reader->line += lineread_count(block->text.data, block->text.size);
    buf_append(&block->header, reader->header.data, reader->header.size);
    *ret_more = true;
    return block->header.failed ? lineread_no_memory(reader, reterr) : STATUS_OK;
}
