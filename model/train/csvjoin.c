#include "model/train/csvjoin.h"

#include "base/buf.h"
#include "base/hash64.h"
#include "model/train/csvtext.h"
#include "model/train/lineread.h"
#include "model/train/shards.h"

#include <stdlib.h>
#include <string.h>

struct csvjoin {
    char *on;
    size_t columns, key, rows;
    struct buf bytes;    // of all fields, each terminated
    struct buf places;   // size_t: end of every field in `bytes`
    struct span *fields; // (rows + 1, columns) the first row is the header
    struct span **order; // (rows) sorted by key
};

struct csvjoin_reader {
    struct csvjoin *join;
    struct csvtext *text;
    const char *path;
    struct diag *reterr;
};

MUST_USE static enum status csvjoin_fault(const struct csvjoin_reader *reader, enum status code,
                                          unsigned line, const char *words)
{
    return diag_at_line(reader->reterr, code, reader->path, line, 0, "%s", words);
}

MUST_USE static enum status csvjoin_line(const struct csvjoin_reader *reader, struct span line,
                                         unsigned number)
{
    struct csvjoin *join = reader->join;
    const struct span *fields;
    size_t count;
    enum status code = csvtext_split(reader->text, line, &fields, &count, reader->reterr);
    if (code != STATUS_OK) {
        if (reader->reterr != NULL) {
            diag_in_file(reader->reterr, reader->path);
            reader->reterr->line = number;
        }
        return code;
    }
    if (join->columns == 0)
        join->columns = count;
    if (count != join->columns)
        return csvjoin_fault(reader, STATUS_INVALID, number,
                             "has not as many fields as the header");
    for (size_t i = 0; i < count; i++) {
        buf_span(&join->bytes, fields[i]);
        buf_append(&join->places, &join->bytes.size, sizeof(join->bytes.size));
        buf_char(&join->bytes, '\0');
    }
    join->rows++;
    return join->bytes.failed || join->places.failed
               ? csvjoin_fault(reader, STATUS_TOO_LARGE, number, "the table is too large")
               : STATUS_OK;
}

// The end of the record that begins at data: its line break, not one between quotes.
static const char *csvjoin_end(const char *data, const char *end)
{
    bool inside = false;
    for (; data < end && (inside || *data != '\n'); data++)
        inside = *data == '"' ? !inside : inside;
    return data;
}

MUST_USE static enum status csvjoin_block(const struct csvjoin_reader *reader,
                                          const struct lineread_block *block)
{
    if (reader->join->rows == 0)
        TRY(csvjoin_line(reader, buf_view(&block->header), 1));
    const char *at = block->text.data, *end = at + block->text.size;
    for (unsigned number = block->first_line; at < end;) {
        const char *stop = csvjoin_end(at, end);
        size_t size = (size_t)(stop - at);
        size -= size > 0 && stop[-1] == '\r';
        if (size > 0)
            TRY(csvjoin_line(reader, (struct span){at, size}, number));
        for (; at < end && at <= stop; at++)
            number += *at == '\n';
    }
    return STATUS_OK;
}

static int csvjoin_compare(const void *a, const void *b, void *context)
{
    const size_t key = *(const size_t *)context;
    struct span *const *x = a, *const *y = b;
    return span_compare((*x)[key], (*y)[key]);
}

// Places become fields, rows are sorted.
MUST_USE static enum status csvjoin_index(const struct csvjoin_reader *reader)
{
    struct csvjoin *join = reader->join;
    const size_t count = join->rows * join->columns;
    const size_t *places = (const void *)join->places.data;
    join->rows--; // the header
    join->fields = calloc(count + 1, sizeof(*join->fields));
    join->order = calloc(join->rows + 1, sizeof(*join->order));
    if (join->fields == NULL || join->order == NULL)
        return csvjoin_fault(reader, STATUS_NO_MEMORY, 0, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const size_t begin = i == 0 ? 0 : places[i - 1] + 1;
        join->fields[i] = (struct span){join->bytes.data + begin, places[i] - begin};
    }
    join->key = csvjoin_column(join, join->on);
    if (join->key == SIZE_MAX)
        return csvjoin_fault(reader, STATUS_INVALID, 1, "the header has not the column of the key");
    for (size_t i = 0; i < join->rows; i++)
        join->order[i] = join->fields + (i + 1) * join->columns;
    qsort_r(join->order, join->rows, sizeof(*join->order), csvjoin_compare, &join->key);
    for (size_t i = 1; i < join->rows; i++)
        if (csvjoin_compare(&join->order[i - 1], &join->order[i], &join->key) == 0)
            return diag_at_line(
                reader->reterr, STATUS_INVALID, reader->path, 0, 0, "the key \"%.*s\" stands twice",
                (int)join->order[i][join->key].size, join->order[i][join->key].data);
    return STATUS_OK;
}

MUST_USE static enum status csvjoin_lines(const struct csvjoin_reader *reader)
{
    struct shards shards;
    struct lineread lines;
    struct lineread_block block;
    TRY(shards_init(&shards, reader->path, reader->reterr));
    lineread_init(&lines, &shards, true);
    lineread_block_init(&block);
    enum status code = STATUS_OK;
    for (bool more = true; more && code == STATUS_OK;) {
        code = lineread_next(&lines, &block, &more, reader->reterr);
        if (code == STATUS_OK && block.overlong)
            code =
                csvjoin_fault(reader, STATUS_TOO_LARGE, block.first_line, "the line is too long");
        if (code == STATUS_OK && more)
            code = csvjoin_block(reader, &block);
    }
    lineread_block_fini(&block);
    lineread_fini(&lines);
    if (code == STATUS_OK)
        code = shards_unchanged(&shards, reader->reterr);
    shards_fini(&shards);
    if (code == STATUS_OK && reader->join->rows < 2)
        code = csvjoin_fault(reader, STATUS_INVALID, 0, "the table is empty");
    return code == STATUS_OK ? csvjoin_index(reader) : code;
}

enum status csvjoin_read(const char *path, const char *on, char separator,
                         struct csvjoin **ret_join, struct diag *reterr)
{
    struct csvjoin *join = calloc(1, sizeof(*join));
    if (join == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    buf_init(&join->bytes, CSVJOIN_MAX_BYTES);
    buf_init(&join->places, CSVJOIN_MAX_BYTES);
    join->on = strdup(on);
    const struct csvjoin_reader reader = {join, csvtext_new(separator), path, reterr};
    enum status code = join->on == NULL || reader.text == NULL
                           ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                           : csvjoin_lines(&reader);
    csvtext_free(reader.text);
    if (code != STATUS_OK)
        csvjoin_free(join);
    else
        *ret_join = join;
    return code;
}

void csvjoin_free(struct csvjoin *join)
{
    if (join == NULL)
        return;
    free(join->on);
    buf_fini(&join->bytes);
    buf_fini(&join->places);
    free(join->fields);
    free(join->order);
    free(join);
}

const char *csvjoin_on(const struct csvjoin *join)
{
    return join->on;
}

size_t csvjoin_column(const struct csvjoin *join, const char *name)
{
    for (size_t i = 0; i < join->columns; i++)
        if (span_is(join->fields[i], name))
            return i;
    return SIZE_MAX;
}

uint64_t csvjoin_hash(const struct csvjoin *join)
{
    const uint64_t bytes = hash64(join->bytes.data, join->bytes.size, join->columns);
    return hash64(join->places.data, join->places.size, bytes);
}

const struct span *csvjoin_row(const struct csvjoin *join, struct span key)
{
    size_t low = 0, high = join->rows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = span_compare(key, join->order[middle][join->key]);
        if (order == 0)
            return join->order[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
