#include "server/access.h"

#include "base/tick.h"
#include "proto/json_text.h"
#include "proto/rank.h"

#include <stdio.h>
#include <time.h>

enum { ACCESS_LINE_BYTES = 3072 };

static void add_text(struct buf *line, const char *key, const char *text)
{
    buf_printf(line, ",\"%s\":", key);
    json_text_string(line, span_of(text));
}

static void add_time(struct buf *line)
{
    struct timespec now;
    struct tm utc;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_printf(line, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

// Nothing for a UNIX socket.
static void add_address(struct buf *line, const char *key, struct address address)
{
    char text[ADDRESS_TEXT];
    if (address_text(&address, text))
        add_text(line, key, text);
}

// Attribute names of OpenTelemetry where it has some.
static void add_request(struct buf *line, const struct slot *slot, const struct slot_answer *answer)
{
    const struct route *route = slot->route;
    if (route != NULL) {
        add_text(line, "http.request.method", route->method);
        add_text(line, "http.route", route->path);
    }
    if (slot_state(slot) != SLOT_READING) // else the client has gone before there was an answer
        buf_printf(line, ",\"http.response.status_code\":%d", status_http(answer->code));
    if (answer->code != STATUS_OK)
        add_text(line, "error.type", status_label(answer->code));
    buf_printf(line, ",\"duration_us\":%llu,\"request_bytes\":%zu,\"response_bytes\":%zu",
               (unsigned long long)(tick_ns() - slot->arrival_ns) / 1000, slot->body_size,
               slot->sent_bytes);
    add_text(line, "request_id", slot->trace.request_id);
    add_text(line, "traceparent", slot->trace.parent);
    if (slot->trace.state[0] != '\0')
        add_text(line, "tracestate", slot->trace.state);
}

static void add_facts(struct buf *line, const struct serve_facts *facts)
{
    if (facts->model[0] != '\0') {
        add_text(line, "ctr.model", facts->model);
        buf_printf(line, ",\"ctr.model.version\":%llu", (unsigned long long)facts->version);
        add_text(line, "ctr.arm", RANK_ARM_CONTROL);
    }
    if (facts->candidates > 0)
        buf_printf(line, ",\"ctr.candidates\":%zu", facts->candidates);
    if (facts->degraded)
        buf_text(line, ",\"ctr.degraded\":true");
}

void access_log(const struct access *access, const struct slot *slot, struct address client,
                bool sent)
{
    if (!logline_wanted(access->lines))
        return;
    char text[ACCESS_LINE_BYTES];
    struct buf line;
    buf_over(&line, text, sizeof(text));
    bool expired = slot_state(slot) == SLOT_EXPIRED;
    const struct slot_answer *answer = expired ? &slot->fallback : &slot->reply;
    add_time(&line);
    add_address(&line, "client.address", client);
    add_address(&line, "server.address", address_of_self(slot->socket_fd));
    add_request(&line, slot, answer);
    add_facts(&line, &answer->facts);
    buf_text(&line, sent ? "}\n" : ",\"sent\":false}\n");
    if (buf_status(&line) == STATUS_OK)
        logline_put(access->lines, line.data, line.size);
}
