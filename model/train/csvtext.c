#include "model/train/csvtext.h"

#include "base/buf.h"

#include <csv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct csvtext {
    struct csv_parser parser;
    struct buf bytes;    // of all fields, each terminated
    struct span *fields; // (capacity); while a line is split, `data` is NULL and `size` the place
    size_t count, capacity;
    bool no_memory, too_many;
};

static int csvtext_no_space(unsigned char c)
{
    (void)c;
    return 0; // blanks are not trimmed
}

struct csvtext *csvtext_new(char separator)
{
    struct csvtext *text = calloc(1, sizeof(*text));
    if (text == NULL)
        return NULL;
    buf_init(&text->bytes, SIZE_MAX / 2);
    if (csv_init(&text->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        free(text);
        return NULL;
    }
    csv_set_delim(&text->parser, (unsigned char)separator);
    csv_set_space_func(&text->parser, csvtext_no_space);
    return text;
}

void csvtext_free(struct csvtext *text)
{
    if (text == NULL)
        return;
    csv_free(&text->parser);
    buf_fini(&text->bytes);
    free(text->fields);
    free(text);
}

static void csvtext_field(void *data, size_t size, void *context)
{
    struct csvtext *text = context;
    if (text->count == CSVTEXT_MAX_FIELDS) {
        text->too_many = true;
        return;
    }
    if (text->count == text->capacity) {
        const size_t capacity = text->capacity == 0 ? 64 : 2 * text->capacity;
        struct span *fields = realloc(text->fields, capacity * sizeof(*fields));
        if (fields == NULL) {
            text->no_memory = true;
            return;
        }
        text->fields = fields;
        text->capacity = capacity;
    }
    text->fields[text->count++] = (struct span){NULL, size};
    buf_append(&text->bytes, data, size);
    buf_char(&text->bytes, '\0');
}

static void csvtext_line(int character, void *context)
{
    (void)character, (void)context;
}

// The first line break that stands between no quotes, where libcsv begins another record;
// `line.size` if there is none.
static size_t csvtext_break(struct span line)
{
    bool inside = false;
    size_t at = 0;
    if (memchr(line.data, '\r', line.size) == NULL && memchr(line.data, '\n', line.size) == NULL)
        return line.size;
    for (; at < line.size && (inside || (line.data[at] != '\r' && line.data[at] != '\n')); at++)
        inside = line.data[at] == '"' ? !inside : inside;
    return at;
}

enum status csvtext_split(struct csvtext *text, struct span line, const struct span **ret_fields,
                          size_t *ret_count, struct diag *reterr)
{
    text->count = 0;
    text->no_memory = text->too_many = false;
    buf_clear(&text->bytes);
    const size_t read =
        csv_parse(&text->parser, line.data, line.size, csvtext_field, csvtext_line, text);
    const int end = csv_fini(&text->parser, csvtext_field, csvtext_line, text);
    if (line.size == 0)
        csvtext_field("", 0, text);
    if (text->no_memory || text->bytes.failed || csv_error(&text->parser) == CSV_ENOMEM)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    if (text->too_many)
        return diag_set(reterr, STATUS_TOO_LARGE, "more than %d columns", CSVTEXT_MAX_FIELDS);
    if (read != line.size)
        return diag_set(reterr, STATUS_INVALID,
                        "byte %zu: a quote where none can be: fields with quotes stand between "
                        "quotes, and a quote inside is doubled",
                        read + 1);
    if (end != 0)
        return diag_set(reterr, STATUS_INVALID, "a quote is not closed");
    const size_t stop = csvtext_break(line);
    if (stop < line.size)
        return diag_set(reterr, STATUS_INVALID,
                        "byte %zu: a line break in the line: fields with line breaks stand between "
                        "quotes",
                        stop + 1);
    const char *at = text->bytes.data;
    for (size_t i = 0; i < text->count; i++) {
        text->fields[i].data = at;
        at += text->fields[i].size + 1;
    }
    *ret_fields = text->fields;
    *ret_count = text->count;
    return STATUS_OK;
}
