// What the head of a request says about its body, and the checks that the HTTP library does not
// make: two answers to "where does this request end" are how requests are smuggled.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "server/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct head {
    unsigned hosts, lengths, encodings, types; // how often each header was sent
    bool names_valid, length_valid, chunked, json;
    uint64_t length;     // valid if lengths == 1 and length_valid
    uint64_t timeout_us; // of X-Request-Timeout-Ms; 0: none
    bool timeout_valid;
};

void head_init(struct head *head);
// For every header, in any order. Names compare without case.
void head_note(struct head *head, const char *name, struct span value);
bool head_has_body(const struct head *head); // a length above 0, or chunked
// STATUS_INVALID for a duplicate Host, Content-Length or Transfer-Encoding, for both lengths at
// once, for values that are none, for a name that is none or hides one of the three;
// STATUS_TOO_LARGE for a length above the limit; STATUS_BAD_TYPE
// for a body of the data plane that is not JSON. Every fault ends the connection.
MUST_USE enum status head_check(const struct head *head, enum route_plane plane,
                                size_t max_body_bytes, struct diag *reterr);
