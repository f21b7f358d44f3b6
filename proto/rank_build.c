#include "proto/rank_build.h"

#include "base/num.h"

#include <stdarg.h>
#include <stdio.h>

const char *const rank_build_forbidden_words =
    "known only after the page was shown, never part of a request";

bool rank_build_forbidden(struct span name)
{
    return span_is(name, "label") || span_is(name, "privileged");
}

enum status rank_build_fail(const struct rank_build *build, enum status code, const char *format,
                            ...)
{
    char path[JSON_FAULT_TEXT], words[3 * JSON_FAULT_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    return diag_at_path(build->reterr, code, json_fault_path(&build->path, path, sizeof(path)),
                        "%s", words);
}

// A candidate cannot be shorter than {"id":"a"} and a comma, nor a value that must be sent than a
// digit and a comma: so the body bounds the rows, and nothing has to grow while it is read.
static size_t rank_build_rows(struct rank_build *build, size_t body_bytes)
{
    const struct row_layout *layout = build->layout;
    size_t least = sizeof("{\"id\":\"a\"},") - 1;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct row_field *field = &layout->fields[i];
        build->scope_fields[field->scope]++;
        if (field->scope == ROW_ITEM && !field->has_default)
            least += 2 * (size_t)field->size;
    }
    size_t fit = body_bytes / least + 1, most = build->limits->max_candidates;
    return fit < most ? fit : most;
}

enum status rank_build_start(struct rank_build *build, size_t body_bytes,
                             const struct row_layout *layout, const struct rank_limits *limits,
                             struct arena *arena, struct diag *reterr)
{
    *build =
        (struct rank_build){.layout = layout, .limits = limits, .arena = arena, .reterr = reterr};
    build->rows = rank_build_rows(build, body_bytes);
    struct rank_request *request = &build->request;
    request->shared = arena_array(arena, layout->shared_width, sizeof(*request->shared));
    request->candidates = arena_array(arena, build->rows, sizeof(*request->candidates));
    size_t values;
    if (num_mul(build->rows, layout->item_width, &values))
        request->items = arena_array(arena, values, sizeof(*request->items));
    if (request->shared == NULL || request->candidates == NULL || request->items == NULL)
        return rank_build_fail(build, STATUS_TOO_LARGE, "%s", rank_memory_words);
    if (row_find_init(&build->find, layout, arena) != STATUS_OK)
        return rank_build_fail(build, STATUS_TOO_LARGE, "%s", rank_memory_words);
    return STATUS_OK;
}

enum status rank_build_unknown(struct rank_build *build, struct span name)
{
    static const char *const places[] = {"user", "context", "candidates[].features", "privileged",
                                         "candidates[].privileged"};
    if (rank_build_forbidden(name))
        return rank_build_fail(build, STATUS_INVALID, "%s", rank_build_forbidden_words);
    if (build->limits->unknown_ignore) {
        build->request.counts.unknown++;
        return STATUS_OK;
    }
    const struct row_field *other = row_find_elsewhere(&build->find, name);
    if (other == NULL)
        return rank_build_fail(build, STATUS_INVALID, "unknown feature");
    return rank_build_fail(build, STATUS_INVALID, "unknown feature here, it belongs to %s",
                           places[other->scope]);
}

enum status rank_build_missing(struct rank_build *build, const struct row_field *field,
                               union row_cell *block)
{
    if (!field->has_default)
        return rank_build_fail(build, STATUS_INVALID,
                               "missing, and the schema has no default for it");
    for (uint32_t i = 0; i < field->size; i++)
        block[field->offset + i].number = field->fallback;
    build->request.counts.missing += field->size;
    return STATUS_OK;
}

enum status rank_build_rest(struct rank_build *build, union row_cell *block)
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
        TRY(rank_build_missing(build, field, block));
        json_fault_pop(&build->path);
    }
    return STATUS_OK;
}

enum status rank_build_finish(struct rank_build *build)
{
    static const char *const names[] = {"user", "context"};
    if (build->request.count == 0) {
        json_fault_push_key(&build->path, span_of("candidates"));
        return rank_build_fail(build, STATUS_INVALID, "missing, at least one candidate is needed");
    }
    for (unsigned scope = ROW_USER; scope <= ROW_CONTEXT; scope++) {
        if (build->scope_sent[scope])
            continue;
        json_fault_push_key(&build->path, span_of(names[scope]));
        row_find_object(&build->find, (enum row_scope)scope);
        TRY(rank_build_rest(build, build->request.shared));
        json_fault_pop(&build->path);
    }
    TRY(rank_check_bids(&build->request, build->reterr));
    return rank_check_ids(&build->request, build->arena, build->reterr);
}
