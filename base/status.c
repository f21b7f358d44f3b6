#include "base/status.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct status_row {
    int http;
    const char *label, *text;
};

#define STATUS_ROW(code, http, label, text) [code] = {http, label, text},
static const struct status_row status_rows[STATUS_COUNT] = {STATUS_TABLE(STATUS_ROW)};
#undef STATUS_ROW

static const struct status_row *status_row(enum status code)
{
    assert(code >= 0 && code < STATUS_COUNT);
    return &status_rows[code];
}

int status_http(enum status code)
{
    return status_row(code)->http;
}

const char *status_label(enum status code)
{
    return status_row(code)->label;
}

const char *status_text(enum status code)
{
    return status_row(code)->text;
}

int status_exit(enum status code)
{
    switch (code) {
    case STATUS_OK:
        return 0;
    case STATUS_USAGE:
        return 2;
    case STATUS_CONFIG:
        return 78;
    default:
        return 1;
    }
}

// A text that does not fit is cut; the cut shows as a last dot run.
static void status_print(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void status_print(char *out, size_t size, const char *format, va_list args)
{
    int length = vsnprintf(out, size, format, args);
    if (length < 0)
        out[0] = '\0';
    else if ((size_t)length >= size)
        memcpy(out + size - 4, "...", 4);
}

static void status_copy(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size) {
        memcpy(out, "...", 3); // the end of a path tells more than its beginning
        memcpy(out + 3, text + length - (size - 4), size - 4);
        length = size - 1;
    } else {
        memcpy(out, text, length);
    }
    out[length] = '\0';
}

enum status diag_set(struct diag *diag, enum status code, const char *format, ...)
{
    if (diag == NULL)
        return code;
    memset(diag, 0, sizeof(*diag));
    va_list args;
    va_start(args, format);
    status_print(diag->words, sizeof(diag->words), format, args);
    va_end(args);
    return code;
}

enum status diag_at_path(struct diag *diag, enum status code, const char *path, const char *format,
                         ...)
{
    if (diag == NULL)
        return code;
    memset(diag, 0, sizeof(*diag));
    status_copy(diag->path, sizeof(diag->path), path);
    va_list args;
    va_start(args, format);
    status_print(diag->words, sizeof(diag->words), format, args);
    va_end(args);
    return code;
}

enum status diag_at_line(struct diag *diag, enum status code, const char *file, unsigned line,
                         unsigned column, const char *format, ...)
{
    if (diag == NULL)
        return code;
    memset(diag, 0, sizeof(*diag));
    status_copy(diag->file, sizeof(diag->file), file);
    diag->line = line;
    diag->column = column;
    va_list args;
    va_start(args, format);
    status_print(diag->words, sizeof(diag->words), format, args);
    va_end(args);
    return code;
}

enum status diag_errno(struct diag *diag, const char *file, const char *what)
{
    int error = errno;
    enum status code = error == ENOENT   ? STATUS_NOT_FOUND
                       : error == ENOMEM ? STATUS_NO_MEMORY
                                         : STATUS_IO;
    char reason[128];
    const char *text = strerror_r(error, reason, sizeof(reason));
    return diag_at_line(diag, code, file, 0, 0, "%s: %s", what, text);
}

void diag_in_file(struct diag *diag, const char *file)
{
    if (diag != NULL && diag->file[0] == '\0')
        status_copy(diag->file, sizeof(diag->file), file);
}

// Appends `text` with control characters escaped; returns the new length.
static size_t status_append(char *out, size_t size, size_t used, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x20 && c != 0x7f;
        size_t need = plain ? 1 : 4;
        if (used + need >= size)
            break;
        if (plain)
            out[used] = (char)c;
        else
            snprintf(out + used, 5, "\\x%02x", (unsigned)c);
        used += need;
    }
    out[used] = '\0';
    return used;
}

const char *diag_format(const struct diag *diag, char *text, size_t size)
{
    assert(size > 0);
    size_t used = 0;
    text[0] = '\0';
    if (diag->file[0] != '\0') {
        used = status_append(text, size, used, diag->file);
        char place[48] = "";
        if (diag->line > 0 && diag->column > 0)
            snprintf(place, sizeof(place), ":%u:%u", diag->line, diag->column);
        else if (diag->line > 0)
            snprintf(place, sizeof(place), ":%u", diag->line);
        used = status_append(text, size, used, place);
        used = status_append(text, size, used, ": ");
    }
    if (diag->path[0] != '\0') {
        used = status_append(text, size, used, diag->path);
        used = status_append(text, size, used, ": ");
    }
    status_append(text, size, used, diag->words);
    return text;
}
