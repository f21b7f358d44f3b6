// What a fallible function returns, and how it is told to people.
//
// A bug asserts; a fault of a client, a file or the machine is an `enum status` other than
// STATUS_OK. Cold paths fill a `struct diag` with the place and the words; its owner is the caller.
// `diag` may be NULL wherever it is taken: then only the code is returned.
#pragma once

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

// code, HTTP status, metric label, text
#define STATUS_TABLE(X)                                                                            \
    X(STATUS_OK, 200, "ok", "ok")                                                                  \
    X(STATUS_INVALID, 400, "invalid", "the input is not valid")                                    \
    X(STATUS_UNAUTHORIZED, 401, "unauthorized", "a valid bearer token is needed")                  \
    X(STATUS_FORBIDDEN, 403, "forbidden", "this caller may not do that")                           \
    X(STATUS_NOT_FOUND, 404, "not_found", "there is no such thing")                                \
    X(STATUS_BAD_METHOD, 405, "bad_method", "the method is not allowed here")                      \
    X(STATUS_TOO_LARGE, 413, "too_large", "a limit is exceeded")                                   \
    X(STATUS_BAD_TYPE, 415, "bad_type", "the content type is not supported")                       \
    X(STATUS_EXPECTATION, 417, "expectation", "only 100-continue can be expected")                 \
    X(STATUS_OVERLOADED, 429, "overloaded", "too much to do, try again later")                     \
    X(STATUS_HEAD_TOO_LARGE, 431, "head_too_large", "there are too many header fields")            \
    X(STATUS_INTERNAL, 500, "internal", "internal error")                                          \
    X(STATUS_NOT_FINITE, 500, "not_finite", "a score is not finite")                               \
    X(STATUS_UNAVAILABLE, 503, "unavailable", "not available now")                                 \
    X(STATUS_NO_MEMORY, 503, "no_memory", "out of memory")                                         \
    X(STATUS_DEADLINE, 504, "deadline", "the deadline has passed")                                 \
    X(STATUS_IO, 500, "io", "input or output failed")                                              \
    X(STATUS_CORRUPT, 500, "corrupt", "the file is damaged or not what it should be")              \
    X(STATUS_CONFIG, 500, "config", "the configuration is not valid")                              \
    X(STATUS_USAGE, 500, "usage", "the command line is not valid")                                 \
    X(STATUS_INTERRUPTED, 500, "interrupted", "interrupted by a signal")

#define STATUS_ENUM(code, http, label, text) code,
enum status { STATUS_TABLE(STATUS_ENUM) STATUS_COUNT };
#undef STATUS_ENUM

int status_http(enum status code);
const char *status_label(enum status code); // for metrics: [a-z_]+
const char *status_text(enum status code);
int status_exit(enum status code); // 0 ok, 1 runtime, 2 usage, 78 configuration or checkpoint

// Where something is wrong and what. `file` and `line` for files, `path` for a JSON path or a key;
// whatever does not apply is empty or 0. Fixed size, so that filling it cannot fail.
struct diag {
    char file[256];
    unsigned line, column;
    char path[128];
    char words[384];
};

// Each replaces the whole content of `diag` and returns `code`, so that a function can end in
// `return diag_set(diag, STATUS_INVALID, "expected %d values", n);`. Long texts are cut.
enum status diag_set(struct diag *diag, enum status code, const char *format, ...)
    PRINTF_LIKE(3, 4);
enum status diag_at_path(struct diag *diag, enum status code, const char *path, const char *format,
                         ...) PRINTF_LIKE(4, 5);
enum status diag_at_line(struct diag *diag, enum status code, const char *file, unsigned line,
                         unsigned column, const char *format, ...) PRINTF_LIKE(6, 7);
// strerror(errno) of a failed call on a file: STATUS_IO, words "WHAT: No such file or directory".
enum status diag_errno(struct diag *diag, const char *file, const char *what);
// Puts `file` into a diag that has none: for callers that know the name better.
void diag_in_file(struct diag *diag, const char *file);

// "file:line:column: path: words", parts that are empty left out; always terminated, cut to `size`.
// Control characters that came with foreign text are printed as \xNN. Returns `text`.
const char *diag_format(const struct diag *diag, char *text, size_t size);

// Leaves the function with the code of a failed call. Only where the function owns nothing yet.
#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum status try_code_ = (call);                                                            \
        if (try_code_ != STATUS_OK)                                                                \
            return try_code_;                                                                      \
    } while (0)
