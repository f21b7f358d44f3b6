#include "server/head.h"

#include "base/num.h"

#include <string.h>
#include <strings.h>

// An hour: more than any client waits, and no product of it overflows.
enum { HEAD_MAX_TIMEOUT_MS = 3600000 };

void head_init(struct head *head)
{
    *head = (struct head){.names_valid = true, .length_valid = true, .timeout_valid = true};
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

void head_note(struct head *head, const char *name, struct span value)
{
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
    } else if (strcasecmp(name, "X-Request-Timeout-Ms") == 0) {
        note_timeout(head, value);
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

enum status head_check(const struct head *head, enum route_plane plane, size_t max_body_bytes,
                       struct diag *reterr)
{
    TRY(check_framing(head, reterr));
    if (head->lengths > 0 && head->length > max_body_bytes)
        return diag_set(reterr, STATUS_TOO_LARGE, "the body has more than %zu bytes",
                        max_body_bytes);
    if (plane != ROUTE_DATA)
        return STATUS_OK;
    if (head->types > 1)
        return diag_at_path(reterr, STATUS_INVALID, "Content-Type", "the header is there twice");
    if (head->types == 1 && !head->json)
        return diag_at_path(reterr, STATUS_BAD_TYPE, "Content-Type", "expected application/json");
    if (!head->timeout_valid)
        return diag_at_path(reterr, STATUS_INVALID, "X-Request-Timeout-Ms",
                            "expected one whole number from 1 to %d", HEAD_MAX_TIMEOUT_MS);
    return STATUS_OK;
}
