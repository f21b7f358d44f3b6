// The trace that a request belongs to (W3C Trace Context, spec/wire.md 7) and its id in logs.
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRACE_PARENT_BYTES = 55, TRACE_STATE_BYTES = 512, TRACE_REQUEST_ID_BYTES = 128 };

// Where new ids come from: one thread's own.
struct trace_ids {
    uint64_t state[2];
};
void trace_ids_init(struct trace_ids *ids); // from the kernel's random numbers

struct trace {
    bool continued; // a valid traceparent came with the request
    // "00-TRACE-SPAN-FLAGS": the caller's trace with a span of our own, or a new trace.
    char parent[TRACE_PARENT_BYTES + 1];
    // tracestate as sent; "" if there is none, or it is too long or not ASCII
    char state[TRACE_STATE_BYTES + 1];
    char request_id[TRACE_REQUEST_ID_BYTES +
                    1]; // the caller's if it is visible ASCII, else a new one
};

// Spans are the fields as sent; data NULL: none.
void trace_start(struct trace *trace, struct trace_ids *ids, struct span traceparent,
                 struct span tracestate, struct span request_id);
