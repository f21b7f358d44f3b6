// One request from body to reply: parse, featurise, score, calibrate, rank, encode.
//
// Knows nothing of HTTP: a body goes in, a reply comes out, so tests and benches call it directly.
// A `struct serve` is the memory of one thread: arena, parser, shard of the metrics. The snapshot
// of the model is the caller's and is only read. After warm-up nothing here allocates.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/metric.h"
#include "base/status.h"
#include "proto/json_read.h"
#include "proto/rank.h"
#include "server/registry.h"

#include <stddef.h>
#include <stdint.h>

struct serve_limits {
    size_t max_body_bytes;
    struct rank_limits rank;
};

struct serve {
    struct serve_limits limits;
    struct arena arena;
    struct json_reader *reader;
    struct metric_shard *shard; // of server_metrics
};

struct serve_call {
    const char *body; // (size), then JSON_READ_PADDING readable bytes
    size_t size;
    uint64_t arrival_ns;  // what timeout_us counts from (tick_ns)
    uint64_t deadline_ns; // of the transport; 0: none
    uint64_t queue_ns;    // waited before this call
};

// Memory for requests of at most limits->rank.max_candidates on `model`. STATUS_NO_MEMORY.
MUST_USE enum status serve_init(struct serve *serve, const struct serve_limits *limits,
                                const struct registry_model *model, struct metric_shard *shard);
void serve_fini(struct serve *serve);
size_t serve_max_reply_bytes(const struct serve_limits *limits);

// Appends the reply of POST /v1/rank, or the JSON of the error, to `reply` (empty before). The code
// gives the HTTP status. STATUS_INVALID, STATUS_NOT_FOUND (another model), STATUS_TOO_LARGE,
// STATUS_DEADLINE, STATUS_NOT_FINITE, STATUS_NO_MEMORY.
enum status serve_rank(struct serve *serve, const struct registry_model *model,
                       const struct serve_call *call, struct buf *reply);
