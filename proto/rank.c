#include "proto/rank.h"

#include "base/hash64.h"
#include "proto/json_fault.h"
#include "proto/json_text.h"

#include <assert.h>
#include <stdio.h>

enum status rank_check_bids(const struct rank_request *request, struct diag *reterr)
{
    size_t with = 0, lacking = request->count;
    for (size_t i = 0; i < request->count; i++) {
        if (request->candidates[i].has_bid)
            with++;
        else if (lacking == request->count)
            lacking = i;
    }
    if (with == 0 || with == request->count)
        return STATUS_OK;
    char path[JSON_FAULT_TEXT];
    snprintf(path, sizeof(path), "candidates[%zu].bid", lacking);
    return diag_at_path(reterr, STATUS_INVALID, path,
                        "missing, though %zu of %zu candidates have one", with, request->count);
}

static enum status rank_twice(const struct rank_request *request, size_t first, size_t second,
                              struct diag *reterr)
{
    char path[JSON_FAULT_TEXT], id[JSON_FAULT_TEXT];
    snprintf(path, sizeof(path), "candidates[%zu].id", second);
    json_fault_escape(request->candidates[second].id, JSON_FAULT_FOREIGN, id, sizeof(id));
    return diag_at_path(reterr, STATUS_INVALID, path, "\"%s\" is the id of candidates[%zu] already",
                        id, first);
}

enum status rank_check_ids(const struct rank_request *request, struct arena *arena,
                           struct diag *reterr)
{
    size_t slots = 8;
    while (slots / 2 < request->count)
        slots *= 2;
    size_t mark = arena_mark(arena);
    uint32_t *table = arena_zero_array(arena, slots, sizeof(*table)); // index + 1, 0 is free
    if (table == NULL)
        return diag_set(reterr, STATUS_TOO_LARGE, "%s", rank_memory_words);
    enum status code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < request->count; i++) {
        struct span id = request->candidates[i].id;
        // Seeded by a place that no client knows: ids cannot be made to meet.
        size_t at = (size_t)hash64(id.data, id.size, (uint64_t)(uintptr_t)table) & (slots - 1);
        while (table[at] != 0 && !span_equal(request->candidates[table[at] - 1].id, id))
            at = (at + 1) & (slots - 1);
        if (table[at] != 0)
            code = rank_twice(request, table[at] - 1, i, reterr);
        table[at] = (uint32_t)(i + 1);
    }
    arena_rewind(arena, mark);
    return code;
}

static void rank_member(struct buf *out, const char *key, const char *text)
{
    buf_text(out, key);
    json_text_string(out, span_of(text));
}

static void rank_number(struct buf *out, const char *key, double x)
{
    buf_text(out, key);
    json_text_double(out, x);
}

static void rank_encode_result(const struct rank_reply *reply, const struct rank_result *result,
                               size_t rank, struct buf *out)
{
    buf_text(out, "{\"id\":");
    json_text_string(out, reply->request->candidates[result->candidate].id);
    if (rank > 0)
        buf_printf(out, ",\"rank\":%zu", rank);
    if (!reply->degraded) {
        buf_text(out, ",\"pctr\":");
        json_text_float(out, result->pctr);
    }
    if (reply->priced && !reply->degraded) {
        rank_number(out, ",\"ecpm\":", result->ecpm);
        if (rank > 0)
            rank_number(out, ",\"price\":", result->price);
    }
    buf_char(out, '}');
}

static void rank_encode_timing(const uint64_t *timing_ns, struct buf *out)
{
#define RANK_STAGE_NAME(code, name) name,
    static const char *const names[RANK_STAGES] = {RANK_STAGE_TABLE(RANK_STAGE_NAME)};
#undef RANK_STAGE_NAME
    buf_text(out, ",\"timing_us\":{");
    for (unsigned i = 0; i < RANK_STAGES; i++) {
        buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", names[i]);
        json_text_double(out, (double)timing_ns[i] / 1000.0);
    }
    buf_char(out, '}');
}

void rank_encode_begin(const struct rank_reply *reply, struct buf *out)
{
    buf_char(out, '{');
    if (reply->id.data != NULL) {
        buf_text(out, "\"id\":");
        json_text_string(out, reply->id);
        buf_char(out, ',');
    }
    rank_member(out, "\"model\":", reply->model);
    rank_member(out, ",\"version\":", reply->version);
    rank_member(out, ",\"arm\":", reply->arm);
    if (reply->degraded)
        buf_text(out, ",\"degraded\":true");
}

void rank_encode_end(const struct rank_reply *reply, struct buf *out)
{
    buf_printf(out, ",\"below_floor\":%u", reply->below_floor);
    rank_number(out, ",\"gamma\":", reply->gamma);
    rank_number(out, ",\"floors\":{\"bid\":", reply->request->floor_bid);
    rank_number(out, ",\"ecpm\":", reply->request->floor_ecpm);
    buf_char(out, '}');
    if (reply->timing_ns != NULL)
        rank_encode_timing(reply->timing_ns, out);
    buf_char(out, '}');
}

void rank_encode(const struct rank_reply *reply, struct buf *out)
{
    rank_encode_begin(reply, out);
    buf_text(out, ",\"ranked\":[");
    for (size_t i = 0; i < reply->count; i++) {
        if (i > 0)
            buf_char(out, ',');
        rank_encode_result(reply, &reply->results[i], i + 1, out);
    }
    buf_char(out, ']');
    if (reply->next != NULL && !reply->degraded) {
        buf_text(out, ",\"next\":");
        rank_encode_result(reply, reply->next, 0, out);
    }
    rank_encode_end(reply, out);
}

void rank_encode_error(const struct diag *diag, enum status code, struct buf *out)
{
    assert(code != STATUS_OK);
    char text[sizeof(diag->path) + sizeof(diag->words) + 2];
    const char *words = status_text(code);
    if (diag != NULL && diag->words[0] != '\0' && status_http(code) < 500) {
        snprintf(text, sizeof(text), "%s%s%s", diag->path, diag->path[0] == '\0' ? "" : ": ",
                 diag->words);
        words = text;
    }
    rank_member(out, "{\"error\":", words);
    buf_char(out, '}');
}
