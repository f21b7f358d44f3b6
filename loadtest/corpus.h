// The requests of a run, whole texts with head and body, made once before it starts.
#pragma once

#include "base/buf.h"
#include "base/file.h"
#include "base/span.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

// What all requests have in common. Borrowed.
struct corpus_plan {
    const char *host, *method, *path; // host: numeric, without port
    int port;
    int64_t deadline_ms;        // sent as X-Request-Timeout-Ms; 0: not sent
    const char *const *headers; // (header_count) "Name: value"
    size_t header_count;
    const char *bodies; // file of bodies, one a line; "": one request without body
};

struct corpus {
    struct buf texts;
    struct span *requests; // (count), in the order of the file
    size_t count;
};

// STATUS_USAGE for what would not be a request, and for a file without a body. The caller calls
// corpus_fini in any case.
MUST_USE enum status corpus_make(const struct corpus_plan *plan, struct corpus *ret_corpus,
                                 struct diag *reterr);
void corpus_fini(struct corpus *corpus);
