#include "server/head.h"

#include "base/num.h"

#include <string.h>
#include <strings.h>

// An hour: more than any client waits, and no product of it overflows.
enum { HEAD_MAX_TIMEOUT_MS = 3600000 };

void head_init(struct head *head)
{
    *head = (struct head){
        .names_valid = true,
        .length_valid = true,
        .coding_valid = true,
        .expectation_valid = true,
        .timeout_valid = true,
    };
}

static bool same_word(struct span value, const char *word)
{
    struct span expected = span_of(word);
    return value.size == expected.size && strncasecmp(value.data, word, value.size) == 0;
}

// "application/json" with or without parameters.
static bool is_json(struct span value)
{
    size_t end = 0;
    while (end < value.size && value.data[end] != ';')
        end++;
    return same_word(span_trim((struct span){value.data, end}), "application/json");
}

static void note_timeout(struct head *head, struct span value)
{
    uint64_t ms;
    head->timeout_valid = head->timeout_valid && head->timeout_us == 0 &&
                          num_parse_u64(value, &ms) == STATUS_OK && ms > 0 &&
                          ms <= HEAD_MAX_TIMEOUT_MS;
    if (head->timeout_valid)
        head->timeout_us = ms * 1000;
}

// A token of RFC 9110: "Content-Length : 5" is a length to some programs and nothing to the
// library.
static bool is_token(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool alphanumeric =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!alphanumeric && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    }
    return true;
}

// The library adds a folded line to the name in front of it: "Content-Length:", then " 5" on a line
// of its own, comes as "Content-Length5". Nothing that is used has such a name.
static bool hides_framing(const char *name)
{
    static const char *const framing[] = {"Host", "Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++) {
        size_t length = strlen(framing[i]);
        if (strncasecmp(name, framing[i], length) == 0 && name[length] != '\0')
            return true;
    }
    return false;
}

static void note_coding(struct head *head, struct span value)
{
    head->codings++;
    head->gzip = same_word(value, "gzip") || same_word(value, "x-gzip");
    head->coding_valid = head->gzip || same_word(value, "identity");
}

// A list of types, each with parameters; a weight of 0 is not looked for.
static bool names_openmetrics(struct span value)
{
    static const char wanted[] = "application/openmetrics-text";
    const size_t length = sizeof(wanted) - 1;
    for (size_t i = 0; i + length <= value.size; i++)
        if (strncasecmp(value.data + i, wanted, length) == 0)
            return true;
    return false;
}

static void note_credentials(struct head *head, struct span value)
{
    static const char scheme[] = "Bearer ";
    const size_t length = sizeof(scheme) - 1;
    head->credentials++;
    if (value.size > length && strncasecmp(value.data, scheme, length) == 0)
        head->bearer = span_trim((struct span){value.data + length, value.size - length});
}

// Nothing here decides where the request ends.
static void note_wish(struct head *head, const char *name, struct span value)
{
    if (strcasecmp(name, "X-Request-Timeout-Ms") == 0) {
        note_timeout(head, value);
    } else if (strcasecmp(name, "X-Request-Id") == 0) {
        head->request_id = value;
    } else if (strcasecmp(name, "traceparent") == 0) {
        head->parents++;
        head->traceparent = value;
    } else if (strcasecmp(name, "tracestate") == 0) {
        head->tracestate = value;
    } else if (strcasecmp(name, "X-Server-Timing") == 0) {
        head->wants_timing = same_word(value, "1");
    } else if (strcasecmp(name, "Accept") == 0) {
        head->wants_openmetrics = head->wants_openmetrics || names_openmetrics(value);
    } else if (strcasecmp(name, "Authorization") == 0) {
        note_credentials(head, value);
    }
}

void head_note(struct head *head, const char *name, struct span value)
{
    head->fields++;
    head->bytes += strlen(name) + value.size + sizeof(": \r\n") - 1;
    value = span_trim(value);
    head->names_valid = head->names_valid && is_token(name) && !hides_framing(name);
    if (strcasecmp(name, "Host") == 0) {
        head->hosts++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        head->lengths++;
        // Digits only: "+5" and "-0" are read differently by different programs.
        head->length_valid = head->length_valid && value.size > 0 && value.data[0] != '-' &&
                             num_parse_u64(value, &head->length) == STATUS_OK;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->encodings++;
        head->chunked = same_word(value, "chunked");
    } else if (strcasecmp(name, "Content-Type") == 0) {
        head->types++;
        head->json = is_json(value);
    } else if (strcasecmp(name, "Content-Encoding") == 0) {
        note_coding(head, value);
    } else if (strcasecmp(name, "Expect") == 0) {
        head->expectations++;
        head->expectation_valid = head->expectation_valid && same_word(value, "100-continue");
    } else {
        note_wish(head, name, value);
    }
}

bool head_has_body(const struct head *head)
{
    return head->encodings > 0 || (head->lengths > 0 && (!head->length_valid || head->length > 0));
}

static enum status check_framing(const struct head *head, struct diag *reterr)
{
    if (!head->names_valid)
        return diag_set(reterr, STATUS_INVALID,
                        "a header has no valid name, or its line is folded");
    if (head->hosts > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Host", "the header is there twice");
    if (head->lengths > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Content-Length", "the header is there twice");
    if (head->encodings > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Transfer-Encoding",
                            "the header is there twice");
    if (head->lengths > 0 && head->encodings > 0)
        return diag_at_path(reterr, STATUS_INVALID, "Content-Length",
                            "not together with Transfer-Encoding");
    if (!head->length_valid)
        return diag_at_path(reterr, STATUS_INVALID, "Content-Length", "not a number of bytes");
    if (head->encodings > 0 && !head->chunked)
        return diag_at_path(reterr, STATUS_INVALID, "Transfer-Encoding",
                            "only chunked is understood");
    return STATUS_OK;
}

// Two parents are none: the trace begins anew (trace.h).
static enum status check_body(const struct head *head, struct diag *reterr)
{
    if (head->types > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Content-Type", "the header is there twice");
    if (head->types == 1 && !head->json)
        return diag_at_path(reterr, STATUS_BAD_TYPE, "Content-Type", "expected application/json");
    if (head->codings > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Content-Encoding",
                            "the header is there twice");
    if (!head->coding_valid)
        return diag_at_path(reterr, STATUS_BAD_TYPE, "Content-Encoding",
                            "expected gzip or identity");
    if (!head->timeout_valid)
        return diag_at_path(reterr, STATUS_INVALID, "X-Request-Timeout-Ms",
                            "expected one whole number from 1 to %d", HEAD_MAX_TIMEOUT_MS);
    return STATUS_OK;
}

enum status head_check(const struct head *head, enum route_plane plane, size_t max_body_bytes,
                       struct diag *reterr)
{
    if (head->fields > HEAD_MAX_FIELDS || head->bytes > HEAD_MAX_BYTES)
        return diag_set(reterr, STATUS_HEAD_TOO_LARGE,
                        "more than %d header fields or %d bytes of them", HEAD_MAX_FIELDS,
                        HEAD_MAX_BYTES);
    TRY(check_framing(head, reterr));
    if (head->credentials > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Authorization", "the header is there twice");
    if (!head->expectation_valid)
        return diag_at_path(reterr, STATUS_EXPECTATION, "Expect", "expected 100-continue");
    if (head->lengths > 0 && head->length > max_body_bytes)
        return diag_set(reterr, STATUS_TOO_LARGE, "the body has more than %zu bytes",
                        max_body_bytes);
    return plane == ROUTE_OBSERVE ? STATUS_OK : check_body(head, reterr);
}
