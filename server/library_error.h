// What the HTTP library refuses by itself, without asking anybody: a request line, a header or a
// chunk that it cannot parse, a head that does not fit (docs/decisions/0014-library-errors.md).
// The JSON body that every error has is sent instead of its page of HTML.
#pragma once

#include "base/metric.h"

// Of the calling thread: the shard that counts such answers.
void library_error_count(struct metric_shard *shard);
