// How values named in JSON reach the feature block: the contract between the schema, which knows
// the features, and json_read, which knows the text. `proto` cannot see the schema; the schema
// fills a layout from it.
//
// Raw values: parsed as double, clamped to [-1e38, 1e6], cast to float (spec/algorithm.md 6.1). A
// `shared` block of shared_width floats holds what is sent once (scopes user and context), an item
// row of item_width floats what each candidate has. Transforms come later (model/featurise).
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum row_scope { ROW_USER, ROW_CONTEXT, ROW_ITEM };
enum row_kind { ROW_DENSE };

struct row_field {
    struct span name;
    enum row_scope scope;
    enum row_kind kind;
    uint32_t size;   // values; 1 may be sent as a plain number or as an array of one
    uint32_t offset; // floats from the start of its block
    bool has_default;
    float fallback; // for each value of an absent or null field
};

struct row_layout {
    const struct row_field *fields; // at most ROW_MAX_FIELDS
    size_t field_count;
    size_t shared_width, item_width; // floats
};

enum { ROW_MAX_FIELDS = 4096 };

// double -> float by the rule above. The caller has refused NaN and infinity.
static inline float row_value(double x)
{
    double clamped = x < -1e38 ? -1e38 : x > 1e6 ? 1e6 : x;
    return (float)clamped;
}
