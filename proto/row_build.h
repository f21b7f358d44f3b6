// The values of a request or a record while they are read: all that needs no JSON parser.
// json_rows.h walks the text and calls these in between; the path follows the walk and is what a
// fault tells.
#pragma once

#include "base/arena.h"
#include "proto/json_fault.h"
#include "proto/row.h"
#include "proto/row_find.h"

struct row_build;
// The path ends with a name that is no feature of the object: a fault, or one more that is ignored.
typedef enum status row_build_unknown_fn(struct row_build *build, struct span name);

// A block of cells and the ids kept with it.
struct row_place {
    union row_cell *cells;
    struct span *kept;
};

struct row_build {
    const struct row_layout *layout;
    struct arena *arena;
    struct diag *reterr;
    const char *end;          // of the text
    const char *text_name;    // what it is, for the same: "body"
    const char *memory_words; // of the fault when the arena runs out
    row_build_unknown_fn *unknown;
    // The id of `user` that is told as it is, feature or not; its name is NULL if none is wanted.
    struct span group_name, group;
    bool grouped; // it was there
    struct row_find find;
    struct json_path path;
    struct row_counts counts;
    struct row_tally *tally; // (layout->feature_count)
    size_t rows;             // candidates that there is room for
    union row_cell *shared;  // (shared_width)
    union row_cell *items;   // (rows, item_width)
    struct span *shared_kept, *items_kept;
    struct span *ring; // the last ids of a list; room for the longest
    size_t scope_fields[ROW_SCOPES];
    bool scope_sent[ROW_SCOPES]; // of the shared ones
};

// Takes the memory for `rows` candidates from the arena. The owner has set layout, arena, reterr,
// end, text_name, memory_words, unknown and group_name, which are borrowed; the rest is zero.
MUST_USE enum status row_build_start(struct row_build *build, size_t rows);
// Most candidates that a text can have: one takes `least` bytes and what its features take.
size_t row_build_rows(const struct row_layout *layout, size_t least, size_t text_bytes,
                      size_t max_candidates);
// Most that row_build_start takes.
size_t row_build_bytes(const struct row_layout *layout, size_t rows);
struct row_place row_build_shared(const struct row_build *build);
struct row_place row_build_item(const struct row_build *build, size_t index);

// A fault at the end of the path; returns `code`.
enum status row_build_fail(const struct row_build *build, enum status code, const char *format, ...)
    PRINTF_LIKE(3, 4);
enum status row_build_memory(const struct row_build *build); // STATUS_TOO_LARGE
// An id, not empty, of the field that the path ends with, to its row.
MUST_USE enum status row_build_id(struct row_build *build, const struct row_field *field,
                                  struct span id, uint32_t *ret_row);
// So many values of a field are missing.
void row_build_count_missing(struct row_build *build, const struct row_field *field, size_t values);
// The path ends with a field that is absent, null or "": its default goes to the block, or a fault.
MUST_USE enum status row_build_missing(struct row_build *build, const struct row_field *field,
                                       struct row_place place);
// The last ids of a list, which stand in the ring from `oldest` on.
void row_build_list(struct row_build *build, const struct row_field *field, size_t oldest,
                    size_t count, struct row_place place);
// Identity: whether a row has the id; else a fault.
MUST_USE enum status row_build_check(struct row_build *build, const struct row_coding *coding,
                                     struct span id);
// Fields that the object of `find` has not had.
MUST_USE enum status row_build_rest(struct row_build *build, struct row_place place);
// The shared object of a scope was not sent: all its fields are missing.
MUST_USE enum status row_build_absent(struct row_build *build, enum row_scope scope);
// When everything was read: the ids made of two others.
void row_build_crosses(struct row_build *build, size_t count);
