#include "proto/record_build.h"

#include "base/hash64.h"

#include <assert.h>
#include <stdio.h>

static const char record_memory_words[] = "the record needs more memory than one may have";

static enum status record_build_unknown(struct row_build *rows, struct span name)
{
    (void)name; // the path has it
    record_build_ignored((struct record_build *)rows);
    return STATUS_OK;
}

enum status record_build_start(struct record_build *build, struct span line,
                               const struct row_layout *layout, const struct record_limits *limits,
                               struct record_told *told, struct arena *arena, struct diag *reterr)
{
    *build = (struct record_build){.rows = {.layout = layout,
                                            .arena = arena,
                                            .reterr = reterr,
                                            .end = line.data + line.size,
                                            .text_name = "line",
                                            .memory_words = record_memory_words,
                                            .unknown = record_build_unknown,
                                            .group_name = limits->group_name},
                                   .limits = limits,
                                   .told = told};
    struct row_build *rows = &build->rows;
    struct record *record = &build->record;
    TRY(row_build_start(rows, record_rows(layout, limits, line.size)));
    record->candidates = arena_array(arena, rows->rows, sizeof(*record->candidates));
    return record->candidates == NULL ? row_build_memory(rows) : STATUS_OK;
}

// False: it was there, or no more are told.
static bool record_build_tell(struct record_told *told, uint64_t hash)
{
    hash += hash == 0;
    size_t at = (size_t)hash;
    while (told->hashes[at % RECORD_TOLD_SLOTS] != 0) {
        if (told->hashes[at++ % RECORD_TOLD_SLOTS] == hash)
            return false;
    }
    if (told->count == RECORD_MOST_TOLD)
        return false;
    told->hashes[at % RECORD_TOLD_SLOTS] = hash;
    told->count++;
    return true;
}

void record_build_ignored(struct record_build *build)
{
    const struct json_path *path = &build->rows.path;
    build->rows.counts.unknown++;
    if (build->limits->unknown == NULL)
        return;
    uint64_t hash = 0;
    for (unsigned i = 0; i < path->count; i++) {
        struct span key = path->steps[i].key;
        if (key.data != NULL)
            hash = hash64(key.data, key.size, hash);
    }
    if (!record_build_tell(build->told, hash))
        return;
    char text[JSON_FAULT_TEXT];
    build->limits->unknown(build->limits->unknown_context,
                           json_fault_place(path, text, sizeof(text)));
}

enum status record_build_candidate(struct record_build *build, size_t index)
{
    const struct record_candidate *candidate = &build->record.candidates[index];
    if (build->limits->need_label && !candidate->has_label) {
        json_fault_push_key(&build->rows.path, span_of("label"));
        return row_build_fail(&build->rows, STATUS_INVALID,
                              "missing, every candidate of training data needs one");
    }
    if (candidate->has_bid)
        build->bids++;
    else if (build->without_bid == 0)
        build->without_bid = index + 1;
    return STATUS_OK;
}

static enum status record_build_bids(struct record_build *build)
{
    if (build->bids == 0 || build->bids == build->record.count)
        return STATUS_OK;
    json_fault_push_key(&build->rows.path, span_of("candidates"));
    json_fault_push_index(&build->rows.path, build->without_bid - 1);
    json_fault_push_key(&build->rows.path, span_of("bid"));
    return row_build_fail(&build->rows, STATUS_INVALID,
                          "missing, though %zu of %zu candidates have one", build->bids,
                          build->record.count);
}

enum status record_build_finish(struct record_build *build)
{
    static const enum row_scope scopes[] = {ROW_USER, ROW_CONTEXT, ROW_LIST_PRIVILEGED};
    struct row_build *rows = &build->rows;
    struct record *record = &build->record;
    if (record->count == 0) {
        json_fault_push_key(&rows->path, span_of("candidates"));
        return row_build_fail(rows, STATUS_INVALID, "missing, at least one candidate is needed");
    }
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (!rows->scope_sent[scopes[i]])
            TRY(row_build_absent(rows, scopes[i]));
    }
    TRY(record_build_bids(build));
    row_build_crosses(rows, record->count);
    record->group = rows->group;
    record->shared = rows->shared;
    record->items = rows->items;
    record->counts = rows->counts;
    return STATUS_OK;
}
