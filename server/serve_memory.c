// The memory of a thread that ranks.
#include "base/num.h"
#include "model/drift.h"
#include "model/scorer.h"
#include "proto/row_build.h"
#include "server/serve.h"

enum {
    // Of a candidate, beside its values: id, bid, place in tables, results.
    SERVE_CANDIDATE_BYTES = 640,
    // Of a request: ids, tables of the features, rounding of a few dozen allocations.
    SERVE_REQUEST_BYTES = 64 << 10,
    // Longest text of a candidate in a reply, without its id.
    SERVE_RESULT_BYTES = 320,
};

// Memory that a request of the most candidates needs; false: no machine has it.
static bool plan(const struct serve_limits *limits, const struct registry_version *version,
                 size_t *ret_bytes)
{
    const size_t most = limits->rank.max_candidates;
    const size_t row = SERVE_CANDIDATE_BYTES + RANK_MAX_ID_BYTES;
    const size_t once = row_build_bytes(&version->layout, most) + SERVE_REQUEST_BYTES +
                        version->scorer.checkpoint.schema.count * sizeof(struct drift_outside);
    size_t rows = 0, score = 0;
    return num_mul(row, most, &rows) && num_add(rows, once, &rows) &&
           scorer_bytes(&version->scorer, most, &score) && num_add(rows, score, ret_bytes);
}

enum status serve_init(struct serve *serve, const struct serve_limits *limits,
                       struct registry *registry, unsigned reader, struct metric_shard *shard)
{
    *serve =
        (struct serve){.limits = *limits, .registry = registry, .reader = reader, .shard = shard};
    buf_init(&serve->inflated, limits->max_body_bytes + JSON_READ_PADDING);
    serve->reader_json = json_read_new(limits->max_body_bytes);
    serve->inflater = gzip_inflater_new();
    if (serve->reader_json != NULL && serve->inflater != NULL)
        return STATUS_OK;
    serve_fini(serve);
    return STATUS_NO_MEMORY;
}

void serve_fini(struct serve *serve)
{
    json_read_free(serve->reader_json);
    gzip_inflater_free(serve->inflater);
    buf_fini(&serve->inflated);
    arena_fini(&serve->arena);
    *serve = (struct serve){.reader_json = NULL};
}

size_t serve_max_reply_bytes(const struct serve_limits *limits)
{
    // A byte of an id becomes up to six in JSON ("\u001f"); an explanation has two ids.
    return (limits->rank.max_candidates + 4) * (2 * 6 * RANK_MAX_ID_BYTES + SERVE_RESULT_BYTES);
}

enum status serve_fit(struct serve *serve, const struct registry_version *version)
{
    size_t bytes;
    return plan(&serve->limits, version, &bytes) ? arena_fit(&serve->arena, bytes)
                                                 : STATUS_NO_MEMORY;
}
