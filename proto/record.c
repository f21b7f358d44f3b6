#include "proto/record.h"

#include "proto/row_build.h"

size_t record_rows(const struct row_layout *layout, const struct record_limits *limits,
                   size_t line_bytes)
{
    size_t least = limits->need_label ? sizeof("{\"label\":0},") - 1 : sizeof("{},") - 1;
    return row_build_rows(layout, least, line_bytes, limits->max_candidates);
}

// Texts that were escaped are copied: at most the line's, each terminated and rounded up.
size_t record_arena_bytes(const struct row_layout *layout, const struct record_limits *limits,
                          size_t line_bytes)
{
    size_t rows = record_rows(layout, limits, line_bytes);
    size_t texts = line_bytes + (rows + 2) * (ARENA_ALIGN + 1);
    return row_build_bytes(layout, rows) + rows * sizeof(struct record_candidate) + texts +
           (size_t)2 * ARENA_ALIGN;
}
