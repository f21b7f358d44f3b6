// A line of training data: one impression record, that is a page as it was requested and what
// became known afterwards. The names are those of a rank request:
//
//   {"id","ts","user":{},"context":{},"privileged":{},
//    "candidates":[{"id","features":{},"privileged":{},"label","bid"}]}
//
// Only `candidates` must be there, with one candidate at least. Ids are text or whole numbers, and
// an id may stand twice on a page. Read by json_read_record (json_read.h).
#pragma once

#include "base/arena.h"
#include "proto/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static const double record_max_label = 512; // a click is 0 or 1; else a grade
static const char record_group_field[] = "user_id";

struct record_candidate {
    struct span id; // data NULL: absent
    double bid;     // valid if has_bid
    float label;    // valid if has_label
    bool has_bid, has_label;
};

// Everything points into the arena or the line and lives as long as both.
struct record {
    struct span id;    // data NULL: absent
    struct span group; // of user.NAME by the limits, feature or not; data NULL: absent
    int64_t ts;        // valid if has_ts
    bool has_ts;
    size_t count; // candidates, >= 1
    struct record_candidate *candidates;
    union row_cell *shared; // (shared_width): user, context, privileged of the list
    union row_cell *items;  // (count, item_width): features and privileged of the candidate
    struct row_counts counts;
};

struct record_limits {
    size_t max_candidates;
    bool need_label;        // every candidate must have one
    struct span group_name; // whose bytes become `group`; data NULL: none
    // Not NULL: told the path without indices ("candidates[].features.colour") of a field that is
    // ignored, once in the life of a reader; of more than RECORD_MOST_TOLD none but counted.
    void (*unknown)(void *context, const char *path);
    void *unknown_context;
};

enum { RECORD_MOST_TOLD = 512 };

// Most candidates that a line can have.
size_t record_rows(const struct row_layout *layout, const struct record_limits *limits,
                   size_t line_bytes);
// Bytes of arena that no record of `line_bytes` exceeds: what to give arena_init.
size_t record_arena_bytes(const struct row_layout *layout, const struct record_limits *limits,
                          size_t line_bytes);
