#include "base/log.h"

#include "base/log_limit.h"
#include "base/num.h"
#include "base/tick.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t mutex; // guards `limit`, and keeps lines in the order of their times
    atomic_int level;      // enum log_level
    enum log_format format;
    int fd;
    const char *path; // of the file; NULL: the descriptor is another's
    struct log_limit limit;
} log_state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO, .fd = STDERR_FILENO};

enum { LOG_LINE = 8192, LOG_TAIL = 96 }; // the tail is kept free for what ends every line

// No memory is taken, so that running out of it can be logged. What does not fit is left out whole
// and the line says "truncated".
struct log_line {
    enum log_format format;
    size_t size, limit;
    bool full;
    char text[LOG_LINE];
};

void log_setup(enum log_level level, enum log_format format, int fd)
{
    pthread_mutex_lock(&log_state.mutex);
    log_level_set(level);
    log_state.format = format;
    log_state.fd = fd;
    memset(&log_state.limit, 0, sizeof(log_state.limit));
    pthread_mutex_unlock(&log_state.mutex);
}

void log_level_set(enum log_level level)
{
    atomic_store_explicit(&log_state.level, (int)level, memory_order_relaxed);
}

enum status log_open_append(const char *path, int *ret_fd, struct diag *reterr)
{
    // Not waiting for a reader where somebody has put a pipe.
    const int flags =
        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags, 0640);
    if (fd < 0)
        return diag_errno(reterr, path, "cannot open");
    struct stat state;
    if (fstat(fd, &state) != 0 || !S_ISREG(state.st_mode)) {
        close(fd);
        return diag_at_line(reterr, STATUS_IO, path, 0, 0, "is no regular file");
    }
    *ret_fd = fd;
    return STATUS_OK;
}

enum status log_open(const char *path, struct diag *reterr)
{
    int fd;
    TRY(log_open_append(path, &fd, reterr));
    pthread_mutex_lock(&log_state.mutex);
    int old = log_state.path != NULL ? log_state.fd : -1;
    log_state.fd = fd;
    log_state.path = path;
    pthread_mutex_unlock(&log_state.mutex);
    if (old >= 0)
        close(old);
    return STATUS_OK;
}

enum status log_reopen(struct diag *reterr)
{
    pthread_mutex_lock(&log_state.mutex);
    const char *path = log_state.path;
    pthread_mutex_unlock(&log_state.mutex);
    return path == NULL ? STATUS_OK : log_open(path, reterr);
}

static bool log_passes(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

static void log_bytes(struct log_line *line, const char *data, size_t size)
{
    if (line->full || size > line->limit - line->size) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->size, data, size);
    line->size += size;
}

static void log_text(struct log_line *line, const char *text)
{
    log_bytes(line, text, strlen(text));
}

// A short piece whose arguments bound it.
static void log_printf(struct log_line *line, const char *format, ...) PRINTF_LIKE(2, 3);

static void log_printf(struct log_line *line, const char *format, ...)
{
    char piece[128];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(piece))
        line->full = true;
    else
        log_bytes(line, piece, (size_t)length);
}

// Quoted as JSON demands; bytes that are not UTF-8 become U+FFFD.
static void log_quoted(struct log_line *line, const char *text)
{
    struct span span = span_of(text);
    log_text(line, "\"");
    for (size_t at = 0; at < span.size;) {
        uint32_t code;
        size_t length = utf8_next(span, at, &code);
        if (length == 0)
            log_text(line, "\xEF\xBF\xBD");
        else if (code == '"' || code == '\\')
            log_printf(line, "\\%c", (char)code);
        else if (code == '\n')
            log_text(line, "\\n");
        else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) // a terminal obeys 0x80.. too
            log_printf(line, "\\u%04x", (unsigned)code);
        else
            log_bytes(line, text + at, length);
        at += length == 0 ? 1 : length;
    }
    log_text(line, "\"");
}

static bool log_is_bare(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '=')
            return false; // bytes over 127 are negative or over '~'
    return *text != '\0';
}

static void log_key(struct log_line *line, const char *key)
{
    log_printf(line, line->format == LOG_JSON ? ",\"%s\":" : " %s=", key);
}

static void log_double(struct log_line *line, double number)
{
    char text[32];
    snprintf(text, sizeof(text), "%.6g",
             number); // for people and dashboards: more digits are noise
    if (line->format == LOG_JSON && !isfinite(number))
        log_quoted(line, text); // JSON has no such numbers
    else
        log_text(line, text);
}

static void log_field(struct log_line *line, const struct log_field *field)
{
    size_t before = line->size;
    log_key(line, field->key);
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        if (line->format == LOG_TEXT && log_is_bare(field->text))
            log_text(line, field->text);
        else
            log_quoted(line, field->text);
        break;
    case LOG_FIELD_I64:
        log_printf(line, "%lld", (long long)field->i64);
        break;
    case LOG_FIELD_DOUBLE:
        log_double(line, field->number);
        break;
    }
    if (line->full)
        line->size = before;
}

static void log_head(struct log_line *line, enum log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    uint64_t now_ms = tick_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char time[32];
    gmtime_r(&seconds, &utc);
    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
    bool json = line->format == LOG_JSON;
    log_printf(line, json ? "{\"time\":\"%s.%03uZ\",\"level\":\"%s\"" : "%s.%03uZ %s ", time,
               (unsigned)(now_ms % 1000), names[level]);
    if (json) {
        log_key(line, "event");
        log_quoted(line, event);
    } else {
        log_text(line, event);
    }
}

static void log_tail(struct log_line *line, uint64_t repeated)
{
    bool truncated = line->full;
    line->full = false;
    line->limit = LOG_LINE;
    if (truncated) {
        log_key(line, "truncated");
        log_text(line, "true");
    }
    if (repeated > 0) {
        log_key(line, "repeated");
        log_printf(line, "%llu", (unsigned long long)repeated);
    }
    log_text(line, line->format == LOG_JSON ? "}\n" : "\n");
}

// Under the lock: the line is made and written as one.
static void log_emit(enum log_level level, const char *event, const struct log_field *fields,
                     unsigned count, uint64_t repeated)
{
    struct log_line line; // 8 KB are not cleared for every line
    line.format = log_state.format;
    line.size = 0;
    line.limit = LOG_LINE - LOG_TAIL;
    line.full = false;
    log_head(&line, level, event);
    for (unsigned i = 0; i < count; i++)
        log_field(&line, &fields[i]);
    log_tail(&line, repeated);
    ssize_t written;
    do // there is nobody to tell that a log line could not be written
        written = write(log_state.fd, line.text, line.size);
    while (written < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               unsigned count)
{
    if (!log_passes(level))
        return;
    pthread_mutex_lock(&log_state.mutex);
    uint64_t repeated = 0;
    if (log_limit_pass(&log_state.limit, (int)level, event, tick_ns(), &repeated))
        log_emit(level, event, fields, count, repeated);
    pthread_mutex_unlock(&log_state.mutex);
}

void log_each(enum log_level level, const char *event, const struct log_field *fields,
              unsigned count)
{
    if (!log_passes(level))
        return;
    pthread_mutex_lock(&log_state.mutex);
    log_emit(level, event, fields, count, 0);
    pthread_mutex_unlock(&log_state.mutex);
}
