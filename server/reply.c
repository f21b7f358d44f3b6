#include "server/reply.h"

#include <assert.h>
#include <stdio.h>

struct span reply_prepared(enum status code)
{
#define REPLY_BODY(code, http, label, text) "{\"error\":\"" text "\"}",
    static const char *const bodies[STATUS_COUNT] = {STATUS_TABLE(REPLY_BODY)};
#undef REPLY_BODY
    assert(code != STATUS_OK && code < STATUS_COUNT);
    return span_of(bodies[code]);
}

static void add(struct reply *reply, const char *name, const char *value)
{
    assert(reply->count < REPLY_HEADERS);
    reply->headers[reply->count++] = (struct reply_header){name, value};
}

static const char *content_type(const struct slot *slot, enum status code)
{
    if (code != STATUS_OK || slot->route == NULL)
        return "application/json";
    if (slot->route->id == ROUTE_METRICS)
        return slot->openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                 : "text/plain; version=0.0.4; charset=utf-8";
    return slot->route->id == ROUTE_SCHEMA ? "application/schema+json" : "application/json";
}

static void add_retry_after(struct reply *reply, struct admit *admit)
{
    snprintf(reply->retry_after, sizeof(reply->retry_after), "%u", admit_retry_after_s(admit));
    add(reply, "Retry-After", reply->retry_after);
}

// "queue;dur=0.012, parse;dur=0.110": milliseconds (W3C Server Timing).
static void add_timing(struct reply *reply, const struct serve_facts *facts)
{
#define REPLY_STAGE(code, name) name,
    static const char *const names[RANK_STAGES] = {RANK_STAGE_TABLE(REPLY_STAGE)};
#undef REPLY_STAGE
    struct buf text;
    buf_over(&text, reply->timing, sizeof(reply->timing));
    for (unsigned i = 0; i < RANK_STAGES; i++)
        buf_printf(&text, "%s%s;dur=%.3f", i == 0 ? "" : ", ", names[i],
                   (double)facts->stage_ns[i] * 1e-6);
    add(reply, "Server-Timing", reply->timing);
}

static void add_of_code(struct reply *reply, const struct slot *slot, enum status code,
                        struct admit *admit)
{
    if (code == STATUS_BAD_METHOD && slot->route != NULL)
        add(reply, "Allow", route_allow(slot->route));
    if (code == STATUS_UNAUTHORIZED)
        add(reply, "WWW-Authenticate", "Bearer");
    if (code == STATUS_OVERLOADED || code == STATUS_UNAVAILABLE || code == STATUS_NO_MEMORY)
        add_retry_after(reply, admit);
}

void reply_make(struct reply *reply, struct slot *slot, struct admit *admit, bool closes)
{
    struct slot_answer *answer = slot_answer(slot);
    if (!answer->prepared && buf_status(&answer->body) != STATUS_OK)
        slot_fail(answer, NULL, STATUS_NO_MEMORY);
    enum status code = answer->code;
    reply->http_status = status_http(code);
    reply->body = answer->prepared ? reply_prepared(code) : buf_view(&answer->body);
    reply->count = 0;
    add(reply, "Content-Type", content_type(slot, code));
    add(reply, "X-Request-Id", slot->trace.request_id);
    if (slot->trace.continued)
        add(reply, "Traceparent", slot->trace.parent);
    add_of_code(reply, slot, code, admit);
    if (slot->wants_timing && slot->route != NULL && slot->route->serve != NULL)
        add_timing(reply, &answer->facts);
    if (closes || slot->closes)
        add(reply, "Connection", "close");
    slot->sent_bytes = reply->body.size;
}
