// One line an event, to stderr: text for people, JSON for collectors. Values of features are never
// logged. The logger is one of the two globals of a program (the other is the signal descriptor).
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

void log_setup(enum log_level level, enum log_format format, int fd); // before threads start
void log_level_set(enum log_level level);                             // any time
// From now on to the end of this file, made if it is absent; `path` lives as long as the program.
// STATUS_IO: nothing has changed. A symbolic link, and what is no regular file, is refused.
MUST_USE enum status log_open(const char *path, struct diag *reterr);
// Opens the same path anew, which may be another file now. Nothing without log_open.
MUST_USE enum status log_reopen(struct diag *reterr);
// A file that lines are appended to, as both above want it; the caller closes.
MUST_USE enum status log_open_append(const char *path, int *ret_fd, struct diag *reterr);

// A field of an event. Made by the macros below; the strings live as long as the call.
struct log_field {
    const char *key; // [a-z_]+
    enum { LOG_FIELD_TEXT, LOG_FIELD_I64, LOG_FIELD_DOUBLE } kind;
    const char *text;
    int64_t i64;
    double number;
};
#define LOG_S(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_TEXT, .text = (v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_I64, .i64 = (int64_t)(v)})
#define LOG_F(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_DOUBLE, .number = (v)})

// `event` is a constant, what happened in a few words; equal (level, event) lines beyond 10 a
// second are counted, and the next one that is written carries "repeated": N. Thread-safe, one
// write(2) a line.
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               unsigned count);
// The same without a limit, for lines that are wanted one by one whatever their rate (an epoch).
void log_each(enum log_level level, const char *event, const struct log_field *fields,
              unsigned count);

#define LOG_EVENT(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
#define LOG_EACH(level, event, ...)                                                                \
    log_each((level), (event), (const struct log_field[]){__VA_ARGS__},                            \
             sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
