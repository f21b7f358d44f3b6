#include "proto/row_build.h"

#include "base/num.h"
#include "proto/row_code.h"
#include "proto/vocab.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const scope_names[ROW_SCOPES] = {
    [ROW_USER] = "user", [ROW_CONTEXT] = "context", [ROW_LIST_PRIVILEGED] = "privileged"};

enum status row_build_fail(const struct row_build *build, enum status code, const char *format, ...)
{
    char path[JSON_FAULT_TEXT], words[3 * JSON_FAULT_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    return diag_at_path(build->reterr, code, json_fault_path(&build->path, path, sizeof(path)),
                        "%s", words);
}

enum status row_build_memory(const struct row_build *build)
{
    return row_build_fail(build, STATUS_TOO_LARGE, "%s", build->memory_words);
}

// A value that must be sent takes at least a digit and a comma: so the text bounds the rows, and
// nothing has to grow while it is read.
size_t row_build_rows(const struct row_layout *layout, size_t least, size_t text_bytes,
                      size_t max_candidates)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct row_field *field = &layout->fields[i];
        if (!row_is_shared(field->scope) && field->kind == ROW_DENSE && !field->has_default)
            least += 2 * (size_t)field->size;
    }
    size_t fit = text_bytes / least + 1;
    return fit < max_candidates ? fit : max_candidates;
}

static size_t row_build_longest(const struct row_layout *layout)
{
    size_t longest = 0;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct row_field *field = &layout->fields[i];
        if (field->kind == ROW_IDS && field->size > longest)
            longest = field->size;
    }
    return longest;
}

size_t row_build_bytes(const struct row_layout *layout, size_t rows)
{
    enum { BLOCKS = 8 }; // each is rounded up
    size_t cells = layout->shared_width + rows * layout->item_width;
    size_t spans = layout->shared_keeps + rows * layout->item_keeps + row_build_longest(layout);
    return cells * sizeof(union row_cell) + spans * sizeof(struct span) +
           layout->feature_count * sizeof(struct row_tally) + row_find_bytes(layout->field_count) +
           (size_t)BLOCKS * ARENA_ALIGN;
}

static void *row_build_block(struct arena *arena, size_t rows, size_t width, size_t bytes)
{
    size_t count;
    return num_mul(rows, width, &count) ? arena_array(arena, count, bytes) : NULL;
}

enum status row_build_start(struct row_build *build, size_t rows)
{
    const struct row_layout *layout = build->layout;
    struct arena *arena = build->arena;
    for (size_t i = 0; i < layout->field_count; i++) {
        assert(layout->fields[i].kind != ROW_ID || layout->fields[i].size == 1);
        assert(layout->fields[i].feature < layout->feature_count);
        build->scope_fields[layout->fields[i].scope]++;
    }
    build->rows = rows;
    build->shared = row_build_block(arena, 1, layout->shared_width, sizeof(*build->shared));
    build->items = row_build_block(arena, rows, layout->item_width, sizeof(*build->items));
    build->shared_kept = row_build_block(arena, 1, layout->shared_keeps, sizeof(struct span));
    build->items_kept = row_build_block(arena, rows, layout->item_keeps, sizeof(struct span));
    build->tally = arena_zero_array(arena, layout->feature_count, sizeof(*build->tally));
    build->ring = row_build_block(arena, 1, row_build_longest(layout), sizeof(struct span));
    if (build->shared == NULL || build->items == NULL || build->shared_kept == NULL ||
        build->items_kept == NULL || build->tally == NULL || build->ring == NULL ||
        row_find_init(&build->find, layout, arena) != STATUS_OK)
        return row_build_memory(build);
    return STATUS_OK;
}

struct row_place row_build_shared(const struct row_build *build)
{
    return (struct row_place){build->shared, build->shared_kept};
}

struct row_place row_build_item(const struct row_build *build, size_t index)
{
    assert(index < build->rows);
    return (struct row_place){build->items + index * build->layout->item_width,
                              build->items_kept + index * build->layout->item_keeps};
}

enum status row_build_check(struct row_build *build, const struct row_coding *coding,
                            struct span id)
{
    uint32_t row;
    if (coding->encode != ROW_IDENTITY || row_code(coding, id, &row))
        return STATUS_OK;
    char found[JSON_FAULT_TEXT];
    json_fault_escape(id, JSON_FAULT_FOREIGN, found, sizeof(found));
    return row_build_fail(build, STATUS_INVALID, "expected a whole number from 0 to %u, got \"%s\"",
                          coding->buckets - 1, found);
}

enum status row_build_id(struct row_build *build, const struct row_field *field, struct span id,
                         uint32_t *ret_row)
{
    const struct row_coding *coding = &field->coding;
    if (!row_code(coding, id, ret_row))
        return row_build_check(build, coding, id);
    if (coding->encode == ROW_VOCAB && *ret_row == VOCAB_UNKNOWN) {
        build->counts.unknown_ids++;
        build->tally[field->feature].unknown_ids++;
    }
    if (coding->seen != NULL)
        coding->seen(coding->seen_context, id);
    return STATUS_OK;
}

void row_build_list(struct row_build *build, const struct row_field *field, size_t oldest,
                    size_t count, struct row_place place)
{
    assert(count <= field->size);
    union row_cell *cells = place.cells + field->offset;
    for (size_t i = 0; i < count; i++) {
        size_t at = oldest + i < field->size ? oldest + i : oldest + i - field->size;
        enum status code = row_build_id(build, field, build->ring[at], &cells[i].id);
        assert(code == STATUS_OK); // row_build_check has seen it
        (void)code;
    }
    memset(cells + count, 0, (field->size - count) * sizeof(*cells));
    build->counts.empty_lists += count == 0;
    build->tally[field->feature].empty_lists += count == 0;
}

void row_build_count_missing(struct row_build *build, const struct row_field *field, size_t values)
{
    build->counts.missing += values;
    build->tally[field->feature].missing += values;
}

enum status row_build_missing(struct row_build *build, const struct row_field *field,
                              struct row_place place)
{
    switch (field->kind) {
    case ROW_ID:
        place.cells[field->offset].id = 0;
        if (field->keep != ROW_KEEP_NONE)
            place.kept[field->keep] = (struct span){NULL, 0};
        row_build_count_missing(build, field, 1);
        return STATUS_OK;
    case ROW_IDS:
        row_build_list(build, field, 0, 0, place);
        return STATUS_OK;
    case ROW_DENSE:
        break;
    }
    if (!field->has_default)
        return row_build_fail(build, STATUS_INVALID,
                              "missing, and the schema has no default for it");
    for (uint32_t i = 0; i < field->size; i++)
        place.cells[field->offset + i].number = field->fallback;
    row_build_count_missing(build, field, field->size);
    return STATUS_OK;
}

enum status row_build_rest(struct row_build *build, struct row_place place)
{
    const struct row_layout *layout = build->layout;
    const struct row_find *find = &build->find;
    if (find->found == build->scope_fields[find->scope])
        return STATUS_OK;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct row_field *field = &layout->fields[i];
        if (field->scope != find->scope || row_find_taken(find, field))
            continue;
        json_fault_push_key(&build->path, field->name);
        TRY(row_build_missing(build, field, place));
        json_fault_pop(&build->path);
    }
    return STATUS_OK;
}

enum status row_build_absent(struct row_build *build, enum row_scope scope)
{
    assert(row_is_shared(scope));
    json_fault_push_key(&build->path, span_of(scope_names[scope]));
    row_find_object(&build->find, scope);
    TRY(row_build_rest(build, row_build_shared(build)));
    json_fault_pop(&build->path);
    return STATUS_OK;
}

static uint32_t row_build_cross(const struct row_build *build, const struct row_cross *cross,
                                const struct span *item_kept)
{
    struct span a = (cross->a_item ? item_kept : build->shared_kept)[cross->a_keep];
    struct span b = (cross->b_item ? item_kept : build->shared_kept)[cross->b_keep];
    return row_code_cross(&cross->coding, a, b);
}

void row_build_crosses(struct row_build *build, size_t count)
{
    for (size_t c = 0; c < build->layout->cross_count; c++) {
        const struct row_cross *cross = &build->layout->crosses[c];
        assert(cross->item || (!cross->a_item && !cross->b_item));
        if (!cross->item) {
            build->shared[cross->offset].id = row_build_cross(build, cross, NULL);
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            struct row_place place = row_build_item(build, i);
            place.cells[cross->offset].id = row_build_cross(build, cross, place.kept);
        }
    }
}
