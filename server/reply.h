// What goes out for a slot: status, body and headers, without the HTTP library.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "server/admit.h"
#include "server/slot.h"

#include <stdbool.h>
#include <stddef.h>

enum { REPLY_HEADERS = 10, REPLY_TIMING_BYTES = 512 };

struct reply {
    int http_status;
    struct span body; // of the slot, or constant; lives as long as the slot
    size_t count;
    struct reply_header {
        const char *name, *value; // constant, of the slot, or of this struct
    } headers[REPLY_HEADERS];
    char retry_after[16], timing[REPLY_TIMING_BYTES];
};

// The slot is DONE or EXPIRED. `closes`: the connection ends with this reply. A body that there was
// no memory for is nowhere sent in part: 503 then.
void reply_make(struct reply *reply, struct slot *slot, struct admit *admit, bool closes);

// The constant JSON body {"error": ...} of a code other than STATUS_OK.
struct span reply_prepared(enum status code);
