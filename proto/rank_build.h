// A request while it is read: all that needs no JSON parser. json_read.cpp walks the text and calls
// these in between; the path follows the walk and is what a fault tells.
#pragma once

#include "proto/json_fault.h"
#include "proto/rank.h"
#include "proto/row_find.h"

struct rank_build {
    const struct row_layout *layout;
    const struct rank_limits *limits;
    struct arena *arena;
    struct diag *reterr;
    struct rank_request request;
    struct row_find find;
    struct json_path path;
    size_t rows; // candidates that there is room for
    size_t scope_fields[ROW_SCOPES];
    bool scope_sent[2]; // ROW_USER, ROW_CONTEXT
};

// Takes the memory of the request from the arena; everything borrowed lives as long as the build.
MUST_USE enum status rank_build_start(struct rank_build *build, size_t body_bytes,
                                      const struct row_layout *layout,
                                      const struct rank_limits *limits, struct arena *arena,
                                      struct diag *reterr);
// A fault at the end of the path; returns `code`.
enum status rank_build_fail(const struct rank_build *build, enum status code, const char *format,
                            ...) PRINTF_LIKE(3, 4);
// The path ends with a name that is no feature of this scope: a fault, or one more that is ignored.
MUST_USE enum status rank_build_unknown(struct rank_build *build, struct span name);
// The path ends with a field that is absent or null: its default goes to the block, or a fault.
MUST_USE enum status rank_build_missing(struct rank_build *build, const struct row_field *field,
                                        union row_cell *block);
// Fields that the object of `find` has not had.
MUST_USE enum status rank_build_rest(struct rank_build *build, union row_cell *block);
// What can be checked only when everything was read.
MUST_USE enum status rank_build_finish(struct rank_build *build);
bool rank_build_forbidden(struct span name); // label, privileged
extern const char *const rank_build_forbidden_words;
