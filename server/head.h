// What the head of a request says, and the checks that the HTTP library does not make: two answers
// to "where does this request end" are how requests are smuggled.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "server/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_MAX_FIELDS = 100, HEAD_MAX_BYTES = 32 << 10 };

struct head {
    // How often each field was sent.
    unsigned hosts, lengths, encodings, types, codings, expectations, parents, credentials;
    size_t fields, bytes;
    bool names_valid, length_valid, chunked, json;
    bool coding_valid, gzip; // Content-Encoding
    bool expectation_valid;  // Expect: 100-continue
    bool wants_timing;       // X-Server-Timing: 1
    bool wants_openmetrics;  // Accept names application/openmetrics-text
    uint64_t length;         // valid if lengths == 1 and length_valid
    uint64_t timeout_us;     // of X-Request-Timeout-Ms; 0: none
    bool timeout_valid;
    struct span traceparent, tracestate, request_id, bearer; // as sent; data NULL: none
};

void head_init(struct head *head);
// For every field, in any order. Names compare without case. Values stay the caller's.
void head_note(struct head *head, const char *name, struct span value);
bool head_has_body(const struct head *head); // a length above 0, or chunked
// STATUS_INVALID for a field that must be unique and is not (Host, Content-Length,
// Transfer-Encoding, Content-Type, Content-Encoding, Authorization), for both lengths at once, for
// values that are none, for a name that is none or hides one of the framing;
// STATUS_HEAD_TOO_LARGE; STATUS_EXPECTATION; STATUS_TOO_LARGE for a length above the limit;
// STATUS_BAD_TYPE for a body of the data or admin plane that is not JSON, or coded in a way that is
// not known.
MUST_USE enum status head_check(const struct head *head, enum route_plane plane,
                                size_t max_body_bytes, struct diag *reterr);
