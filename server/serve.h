// One request from body to reply: parse, featurise, score, calibrate, rank, encode.
//
// Knows nothing of HTTP: a body goes in, a reply comes out, so tests and benches call it directly.
// A `struct serve` is the memory of one thread: arena, parser, shard of the metrics. The view of
// the models is pinned for the request. After warm-up nothing here allocates, until a model comes
// that needs more memory than those before.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/gzip.h"
#include "base/metric.h"
#include "base/status.h"
#include "model/store.h"
#include "proto/json_read.h"
#include "proto/rank.h"
#include "server/registry.h"
#include "server/server_metrics.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct serve_limits {
    size_t max_body_bytes; // as sent, and inflated
    struct rank_limits rank;
};

struct serve {
    struct serve_limits limits;
    struct registry *registry;
    unsigned reader; // of the registry
    struct arena arena;
    struct json_reader *reader_json;
    struct gzip_inflater *inflater;
    struct buf inflated;
    struct metric_shard *shard; // of server_metrics
};

// What a served request was: for the access log and Server-Timing.
struct serve_facts {
    char model[STORE_NAME_BYTES + 1]; // "" before it was chosen
    uint64_t version;
    size_t candidates;
    bool degraded;
    bool late; // its deadline has passed; who ends the request counts it, as `shed`
    enum server_metrics_shed shed;
    uint64_t stage_ns[RANK_STAGES]; // of the stages that were reached
};

struct serve_call {
    const char *body; // (size), then JSON_READ_PADDING readable bytes
    size_t size;
    bool gzip;                   // the body is compressed
    size_t most_plain_bytes;     // then; 0: as the limits say
    uint64_t arrival_ns;         // what timeout_us counts from (tick_ns)
    uint64_t deadline_ns;        // 0: none
    uint64_t queue_ns;           // waited before this call
    const atomic_int *state;     // not this value any more: nobody waits for the reply; NULL: ever
    int expected;                // value of *state while somebody waits
    const atomic_bool *given_up; // true: no time is left for it; NULL: never
    struct serve_facts *facts;   // filled as far as it went
};

// STATUS_NO_MEMORY. `reader` < readers of the registry is this thread's alone.
MUST_USE enum status serve_init(struct serve *serve, const struct serve_limits *limits,
                                struct registry *registry, unsigned reader,
                                struct metric_shard *shard);
void serve_fini(struct serve *serve);
// Empties the arena, and makes it large enough for a request to the version. STATUS_NO_MEMORY.
MUST_USE enum status serve_fit(struct serve *serve, const struct registry_version *version);
size_t serve_max_reply_bytes(const struct serve_limits *limits);

// The timeout that the body asks for, microseconds; 0: none that a glance sees (proto/rank_peek.h),
// which of a packed body reads the first 16 KiB.
uint64_t serve_glance_timeout_us(struct serve *serve, const char *body, size_t size, bool gzip);

// Each appends the reply of its route, or the JSON of the error, to `reply` (empty before). The
// code gives the HTTP status. STATUS_INVALID, STATUS_NOT_FOUND (model, version, label),
// STATUS_TOO_LARGE, STATUS_DEADLINE (also when nobody waits any more), STATUS_NOT_FINITE,
// STATUS_UNAVAILABLE (no model yet), STATUS_NO_MEMORY.
enum status serve_rank(struct serve *serve, const struct serve_call *call, struct buf *reply);
enum status serve_explain(struct serve *serve, const struct serve_call *call, struct buf *reply);
// The reply of POST /v1/rank without a score: by bid, then position, marked as degraded. For
// requests whose deadline has passed; takes no look at it, nor at features, valid or not, and
// counts nothing: who sends it does (SERVER_METRICS_DEGRADED).
// STATUS_DEADLINE if no candidate has a bid.
enum status serve_by_bid(struct serve *serve, const struct serve_call *call, struct buf *reply);
