#include "proto/rank_build.h"

#include <assert.h>

const char *const rank_build_forbidden_words =
    "known only after the page was shown, never part of a request";

bool rank_build_forbidden(struct span name)
{
    return span_is(name, "label") || span_is(name, "privileged");
}

static enum status rank_build_unknown(struct row_build *rows, struct span name)
{
    static const char *const places[] = {"user", "context", "candidates[].features", "privileged",
                                         "candidates[].privileged"};
    struct rank_build *build = (struct rank_build *)rows;
    if (rank_build_forbidden(name))
        return row_build_fail(rows, STATUS_INVALID, "%s", rank_build_forbidden_words);
    if (build->limits->unknown_ignore) {
        rows->counts.unknown++;
        return STATUS_OK;
    }
    const struct row_field *other = row_find_elsewhere(&rows->find, name);
    if (other == NULL)
        return row_build_fail(rows, STATUS_INVALID, "unknown feature");
    return row_build_fail(rows, STATUS_INVALID, "unknown feature here, it belongs to %s",
                          places[other->scope]);
}

enum status rank_build_start(struct rank_build *build, struct span body,
                             const struct row_layout *layout, const struct rank_limits *limits,
                             struct arena *arena, struct diag *reterr)
{
    *build = (struct rank_build){.rows = {.layout = layout,
                                          .arena = arena,
                                          .reterr = reterr,
                                          .end = body.data + body.size,
                                          .text_name = "body",
                                          .memory_words = rank_memory_words,
                                          .unknown = rank_build_unknown},
                                 .limits = limits,
                                 .bare = {.feature_count = layout->feature_count}};
    struct row_build *rows = &build->rows;
    if (limits->bids_only)
        rows->layout = &build->bare;
    TRY(row_build_start(rows, row_build_rows(rows->layout, sizeof("{\"id\":\"a\"},") - 1, body.size,
                                             limits->max_candidates)));
    assert(rows->scope_fields[ROW_LIST_PRIVILEGED] == 0 &&
           rows->scope_fields[ROW_ITEM_PRIVILEGED] == 0);
    struct rank_request *request = &build->request;
    request->candidates = arena_array(arena, rows->rows, sizeof(*request->candidates));
    return request->candidates == NULL ? row_build_memory(rows) : STATUS_OK;
}

enum status rank_build_finish(struct rank_build *build)
{
    struct row_build *rows = &build->rows;
    struct rank_request *request = &build->request;
    if (request->count == 0) {
        json_fault_push_key(&rows->path, span_of("candidates"));
        return row_build_fail(rows, STATUS_INVALID, "missing, at least one candidate is needed");
    }
    for (unsigned scope = ROW_USER; scope <= ROW_CONTEXT; scope++) {
        if (!rows->scope_sent[scope])
            TRY(row_build_absent(rows, (enum row_scope)scope));
    }
    row_build_crosses(rows, request->count);
    request->shared = rows->shared;
    request->items = rows->items;
    request->counts = rows->counts;
    request->tally = rows->tally;
    TRY(rank_check_bids(request, rows->reterr));
    return rank_check_ids(request, rows->arena, rows->reterr);
}
