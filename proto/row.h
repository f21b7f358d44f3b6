// How values named in JSON reach the feature block: the contract between the schema, which knows
// the features, and json_read, which knows the text. `proto` cannot see the schema; the schema
// fills a layout from it.
//
// Raw values stand in cells of 32 bits. A number: parsed as double, clamped to [-1e38, 1e6], cast
// to float (spec/algorithm.md 6.1). An id: the row of its embedding table, 0 for padding and
// missing. A list of ids: `size` rows, oldest to newest, the last `size` that were sent; 0 behind
// the last. A `shared` block of shared_width cells holds what is sent once (scopes user, context
// and list), an item row of item_width cells what each candidate has. Transforms come later
// (model/featurise).
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union row_cell {
    float number;
    uint32_t id;
};

// Where a value stands: user.NAME, context.NAME, candidates[].features.NAME; in training data also
// privileged.NAME and candidates[].privileged.NAME.
enum row_scope {
    ROW_USER,
    ROW_CONTEXT,
    ROW_ITEM,
    ROW_LIST_PRIVILEGED,
    ROW_ITEM_PRIVILEGED,
    ROW_SCOPES
};
enum row_kind { ROW_DENSE, ROW_ID, ROW_IDS };

static inline bool row_is_shared(enum row_scope scope)
{
    return scope != ROW_ITEM && scope != ROW_ITEM_PRIVILEGED;
}

enum row_encode { ROW_HASH, ROW_IDENTITY, ROW_VOCAB };

struct vocab; // proto/vocab.h

// From the bytes of an id to a row of its table (row_code.h).
struct row_coding {
    enum row_encode encode;
    uint32_t buckets;          // hash, identity
    uint64_t seed;             // hash: of the table's name
    const struct vocab *vocab; // vocab; borrowed; NULL while it is being counted: all are unknown
    // Not NULL: told the bytes of every id that gets a cell (vocabularies are counted so).
    void (*seen)(void *context, struct span bytes);
    void *seen_context;
};

enum { ROW_KEEP_NONE = UINT16_MAX };

struct row_field {
    struct span name;
    enum row_scope scope;
    enum row_kind kind;
    uint32_t size;   // cells; a dense value of size 1 may be sent as a number or as an array of one
    uint32_t offset; // cells from the start of its block
    bool has_default;
    float fallback;           // dense: for each value of an absent or null field
    struct row_coding coding; // ids
    uint16_t feature;         // place in the schema, and in the tally
    uint16_t keep; // ROW_ID: where its bytes are kept for crosses, from the start of the block's
                   // kept bytes; else ROW_KEEP_NONE
};

// An id made of two others: hash of both, missing if either is.
struct row_cross {
    bool item;                // its cell stands in the item row, else in the shared block
    uint32_t offset;          // of the cell
    bool a_item, b_item;      // whose bytes are of the candidate
    uint16_t a_keep, b_keep;  // places of the kept bytes
    struct row_coding coding; // ROW_HASH
};

struct row_layout {
    const struct row_field *fields; // at most ROW_MAX_FIELDS
    size_t field_count;
    const struct row_cross *crosses;
    size_t cross_count;
    size_t feature_count;            // of the schema: those that are never sent among them
    size_t shared_width, item_width; // cells
    size_t shared_keeps, item_keeps; // ids whose bytes are kept while a record is read
};

enum { ROW_MAX_FIELDS = 4096, ROW_MAX_ID_BYTES = 256 };

// What was noticed while values were read; none of it is an error.
struct row_counts {
    uint64_t missing;     // values that were absent or null, or an id that was ""
    uint64_t unknown;     // fields that are no feature, where such are ignored
    uint64_t unknown_ids; // ids that their vocabulary has not
    uint64_t empty_lists; // lists of ids without any
    uint64_t cut_lists;   // lists of which only the newest ids were kept
};

// The same for one feature, in one request. Sums over the features are those of row_counts.
struct row_tally {
    uint64_t missing, unknown_ids, empty_lists;
};

// double -> float by the rule above. The caller has refused NaN and infinity.
static inline float row_value(double x)
{
    double clamped = x < -1e38 ? -1e38 : x > 1e6 ? 1e6 : x;
    return (float)clamped;
}
