#include "server/serve.h"

#include "base/log.h"
#include "base/num.h"
#include "base/tick.h"
#include "model/auction.h"
#include "model/calibrate.h"
#include "model/drift.h"
#include "model/scorer.h"
#include "proto/rank_explain.h"
#include "proto/rank_peek.h"
#include "proto/row_build.h"
#include "server/server_metrics.h"
#include "server/version_metrics.h"

#include <assert.h>
#include <string.h>

enum {
    SERVE_MOST_RATIO = 100,       // of a packed body
    SERVE_PLAIN_BYTES = 64 << 10, // that any may have
    SERVE_GLANCE_BYTES = 16 << 10,
};

// A request on its way: what each stage leaves for the next. Everything lives in the arena.
struct run {
    struct serve *serve;
    const struct serve_call *call;
    struct buf *reply;
    const struct registry_view *view;
    const struct registry_model *model;
    const struct registry_version *version;
    struct diag diag;
    bool by_bid;      // takes no look at the deadline, nor at features
    uint64_t lap_ns;  // end of the stage before
    const char *body; // plain
    size_t body_size;
    struct rank_request request;
    struct scorer_input input;
    float *logit, *pctr;          // (request.count)
    struct auction_place *places; // (request.count), by rank
    struct auction_result auction;
    bool priced;
};

static enum status out_of_memory(struct run *run)
{
    return diag_set(&run->diag, STATUS_TOO_LARGE, "%s", rank_memory_words);
}

static void lap(struct run *run, enum rank_stage stage)
{
    uint64_t now = tick_ns(), spent = now - run->lap_ns;
    run->lap_ns = now;
    run->call->facts->stage_ns[stage] = spent;
    metric_observe(run->serve->shard, SERVER_METRICS_STAGE, stage, (double)spent * 1e-9);
}

// Late by the clock, by the deadline thread, or by a timeout that only the parsed body tells.
static enum status check_deadline(struct run *run, enum server_metrics_shed reason)
{
    const struct serve_call *call = run->call;
    if (run->by_bid)
        return STATUS_OK;
    if (call->state != NULL &&
        atomic_load_explicit(call->state, memory_order_relaxed) != call->expected)
        return STATUS_DEADLINE; // counted by who has answered it
    if (call->given_up != NULL && atomic_load_explicit(call->given_up, memory_order_relaxed))
        return diag_set(&run->diag, STATUS_UNAVAILABLE, "shutting down");
    uint64_t now_ns = tick_ns(), timeout_us = run->request.timeout_us;
    // A difference, not a sum: a timeout of centuries must not wrap around to the past.
    bool late = (call->deadline_ns != 0 && now_ns >= call->deadline_ns) ||
                (timeout_us != 0 && (now_ns - call->arrival_ns) / 1000 >= timeout_us);
    if (!late)
        return STATUS_OK;
    call->facts->late = true;
    call->facts->shed = reason;
    return diag_set(&run->diag, STATUS_DEADLINE, "the deadline of the request has passed");
}

static enum status open_body(struct run *run)
{
    const struct serve_call *call = run->call;
    run->body = call->body;
    run->body_size = call->size;
    if (!call->gzip)
        return STATUS_OK;
    struct serve *serve = run->serve;
    buf_clear(&serve->inflated);
    size_t most = SERVE_PLAIN_BYTES + SERVE_MOST_RATIO * call->size;
    most = most < serve->limits.max_body_bytes ? most : serve->limits.max_body_bytes;
    if (call->most_plain_bytes != 0 && call->most_plain_bytes < most)
        most = call->most_plain_bytes;
    enum status code =
        gzip_inflate(serve->inflater, call->body, call->size, &serve->inflated, most, &run->diag);
    if (code == STATUS_TOO_LARGE && most == call->most_plain_bytes)
        return diag_set(&run->diag, STATUS_INVALID, "the gzip text is longer than it says itself");
    TRY(code);
    run->body_size = serve->inflated.size;
    static const char zeros[JSON_READ_PADDING];
    buf_append(&serve->inflated, zeros, sizeof(zeros));
    if (buf_status(&serve->inflated) != STATUS_OK)
        return diag_set(&run->diag, STATUS_NO_MEMORY, "no memory for the body");
    run->body = serve->inflated.data;
    return STATUS_OK;
}

uint64_t serve_glance_timeout_us(struct serve *serve, const char *body, size_t size, bool gzip)
{
    struct rank_peek peek = {.timeout_us = 0};
    if (gzip) {
        const size_t limit = serve->limits.max_body_bytes;
        const size_t most = limit < SERVE_GLANCE_BYTES ? limit : SERVE_GLANCE_BYTES;
        buf_clear(&serve->inflated);
        // Of little input: much may unpack to nothing. That there is more, or that it is damaged,
        // is for the parser to say.
        enum status code = gzip_inflate(serve->inflater, body, size < most ? size : most,
                                        &serve->inflated, most, NULL);
        (void)code;
        body = serve->inflated.data;
        size = serve->inflated.size;
    }
    if (size > 0)
        rank_peek(body, size, RANK_PEEK_TIMEOUT, &peek);
    return peek.timeout_us;
}

static enum status read_body(struct run *run)
{
    struct serve *serve = run->serve;
    struct rank_limits limits = serve->limits.rank;
    limits.bids_only = run->by_bid;
    if (serve_fit(serve, run->version) != STATUS_OK)
        return diag_set(&run->diag, STATUS_NO_MEMORY, "no memory for the model");
    return json_read_rank(serve->reader_json, run->body, run->body_size, &run->version->layout,
                          &limits, &serve->arena, &run->request, &run->diag);
}

// The body names the version whose features it has. A glance finds the names; what the parser finds
// counts, and if that is something else, the body is read again.
static enum status choose_and_read(struct run *run)
{
    struct rank_peek peek = {.version = 0};
    if (run->view->count == 0)
        return diag_set(&run->diag, STATUS_UNAVAILABLE, "no model is loaded yet");
    rank_peek(run->body, run->body_size, RANK_PEEK_NAMES, &peek);
    TRY(registry_choose(run->view, peek.model, peek.version, peek.label, &run->model, &run->version,
                        &run->diag));
    TRY(read_body(run));
    const struct rank_request *request = &run->request;
    const struct registry_version *glanced = run->version;
    TRY(registry_choose(run->view, request->model, request->version, request->label, &run->model,
                        &run->version, &run->diag));
    return run->version == glanced ? STATUS_OK : read_body(run);
}

static void count_invalid(const struct run *run, size_t feature, enum version_metrics_reason reason,
                          uint64_t n)
{
    if (n > 0)
        version_metrics_invalid(run->version->metrics, run->serve->reader, feature, reason, n);
}

static void count_features(const struct run *run)
{
    const struct row_counts *counts = &run->request.counts;
    struct metric_shard *shard = run->serve->shard;
    for (size_t i = 0; i < run->version->layout.feature_count; i++) {
        const struct row_tally *tally = &run->request.tally[i];
        count_invalid(run, i, VERSION_METRICS_MISSING, tally->missing);
        count_invalid(run, i, VERSION_METRICS_UNKNOWN, tally->unknown_ids);
    }
    metric_add(shard, SERVER_METRICS_UNKNOWN, 0, counts->unknown);
    metric_add(shard, SERVER_METRICS_EMPTY_LISTS, 0, counts->empty_lists);
    metric_add(shard, SERVER_METRICS_CUT_LISTS, 0, counts->cut_lists);
}

static enum status parse(struct run *run)
{
    TRY(open_body(run));
    TRY(choose_and_read(run));
    struct serve_facts *facts = run->call->facts;
    memcpy(facts->model, run->model->name, sizeof(facts->model));
    facts->version = run->version->number;
    facts->candidates = run->request.count;
    if (run->request.explain)
        return diag_at_path(&run->diag, STATUS_INVALID, "explain",
                            "POST the same body to /v1/explain; leave it out or send false here");
    run->priced = run->request.candidates[0].has_bid; // the reader has seen to all or none
    if (run->by_bid)
        return STATUS_OK; // was counted when it was to be ranked, or never is
    count_features(run);
    metric_observe(run->serve->shard, SERVER_METRICS_REQUEST_CANDIDATES, 0,
                   (double)run->request.count);
    return STATUS_OK;
}

// Raw values against the training ranges that the model file has.
static enum status count_outside(struct run *run)
{
    const struct checkpoint *checkpoint = &run->version->scorer.checkpoint;
    const struct rank_request *request = &run->request;
    if (checkpoint->ranges == NULL)
        return STATUS_OK;
    struct drift_outside *outside =
        arena_zero_array(&run->serve->arena, checkpoint->schema.count, sizeof(*outside));
    if (outside == NULL)
        return out_of_memory(run);
    drift_ranges(&checkpoint->schema, checkpoint->ranges, request->shared, request->items,
                 request->count, outside);
    for (size_t i = 0; i < checkpoint->schema.count; i++) {
        count_invalid(run, i, VERSION_METRICS_BELOW, outside[i].below);
        count_invalid(run, i, VERSION_METRICS_ABOVE, outside[i].above);
    }
    return STATUS_OK;
}

static enum status featurise(struct run *run)
{
    struct arena *arena = &run->serve->arena;
    size_t n = run->request.count;
    TRY(count_outside(run));
    run->logit = arena_array(arena, n, sizeof(float));
    run->pctr = arena_array(arena, n, sizeof(float));
    run->places = arena_array(arena, n, sizeof(*run->places));
    if (scorer_featurise(&run->version->scorer, run->request.shared, run->request.items, n, arena,
                         &run->input) != STATUS_OK ||
        arena->overflowed)
        return out_of_memory(run);
    return STATUS_OK;
}

static enum status score(struct run *run)
{
    size_t n = run->request.count;
    struct scorer_run scoring;
    if (scorer_begin(&run->version->scorer, &run->input, &run->serve->arena, &scoring) != STATUS_OK)
        return out_of_memory(run);
    for (size_t first = 0; first < n; first += SCORER_TILE) {
        TRY(check_deadline(run, SERVER_METRICS_DEADLINE_COMPUTE));
        size_t count = n - first < SCORER_TILE ? n - first : SCORER_TILE;
        scorer_tile(&scoring, first, count, run->logit);
    }
    metric_add(run->serve->shard, SERVER_METRICS_CANDIDATES, 0, n);
    return STATUS_OK;
}

static enum status calibrate(struct run *run)
{
    size_t n = run->request.count;
    enum status code =
        calibrate_apply(&run->version->scorer.checkpoint.calibrate, run->logit, n, run->pctr);
    if (code == STATUS_OK) {
        version_metrics_pctr(run->version->metrics, run->serve->reader, run->pctr, n);
        return code;
    }
    metric_add(run->serve->shard, SERVER_METRICS_NOT_FINITE, 0, 1);
    LOG_EVENT(LOG_ERROR, "score not finite", LOG_S("model", run->model->name),
              LOG_S("version", run->version->text));
    return diag_set(&run->diag, code, "the model gave a score that is not finite");
}

// places and auction, by eCPM; with gamma 0 by bid.
static enum status run_auction(struct run *run, double gamma, double floor_ecpm)
{
    const struct rank_request *request = &run->request;
    size_t n = request->count;
    double *bids = arena_array(&run->serve->arena, n, sizeof(*bids));
    if (bids == NULL)
        return out_of_memory(run);
    for (size_t i = 0; i < n; i++)
        bids[i] = request->candidates[i].bid;
    struct auction_rules rules = {
        .floor_bid = request->floor_bid,
        .floor_ecpm = floor_ecpm,
        .gamma = gamma,
        .slots = request->slots > n ? 0 : (size_t)request->slots,
    };
    auction_run(&rules, bids, run->pctr, n, run->places, &run->auction);
    assert(run->auction.invalid == 0); // the reader bounds bids, calibration bounds pctr
    if (!run->by_bid)
        metric_add(run->serve->shard, SERVER_METRICS_BELOW_FLOOR, 0, run->auction.below_floor);
    return STATUS_OK;
}

static enum status rank(struct run *run)
{
    const struct rank_request *request = &run->request;
    if (run->priced)
        return run_auction(run, 1.0, request->floor_ecpm);
    size_t n = request->count, slots = request->slots > n ? 0 : (size_t)request->slots;
    auction_by_pctr(run->pctr, n, slots, run->places, &run->auction);
    return STATUS_OK;
}

static struct rank_result result_of(const struct run *run, const struct auction_place *place)
{
    return (struct rank_result){
        .candidate = place->ad,
        .pctr = run->pctr[place->ad],
        .ecpm = place->ecpm,
        .price = place->price,
    };
}

static struct rank_reply reply_of(const struct run *run)
{
    return (struct rank_reply){
        .id = run->request.id,
        .model = run->model->name,
        .version = run->version->text,
        .arm = RANK_ARM_CONTROL,
        .request = &run->request,
        .below_floor = (uint32_t)run->auction.below_floor,
        .gamma = run->call->facts->degraded ? 0.0 : 1.0,
        .priced = run->priced,
        .degraded = run->call->facts->degraded,
        .timing_ns = run->request.timing ? run->call->facts->stage_ns : NULL,
    };
}

// Not the client's fault: the buffer's ceiling is above every reply (serve_max_reply_bytes).
static enum status check_reply(struct run *run)
{
    if (buf_status(run->reply) == STATUS_OK)
        return STATUS_OK;
    return diag_set(&run->diag, STATUS_NO_MEMORY, "no memory for the reply");
}

static enum status encode_ranked(struct run *run)
{
    size_t shown = run->auction.shown;
    struct rank_result *results = arena_array(&run->serve->arena, shown, sizeof(*results));
    if (results == NULL)
        return out_of_memory(run);
    for (size_t i = 0; i < shown; i++)
        results[i] = result_of(run, &run->places[i]);
    struct rank_reply reply = reply_of(run);
    reply.results = results;
    reply.count = shown;
    struct rank_result next;
    if (run->priced && run->auction.eligible > shown) {
        next = result_of(run, &run->places[shown]);
        reply.next = &next;
    }
    rank_encode(&reply, run->reply);
    return check_reply(run);
}

static enum status encode_explained(struct run *run)
{
    _Static_assert((int)AUCTION_NEXT == (int)RANK_BINDING_NEXT &&
                       (int)AUCTION_FLOOR_BID == (int)RANK_BINDING_BID &&
                       (int)AUCTION_FLOOR_ECPM == (int)RANK_BINDING_ECPM,
                   "the auction's words are those of the reply");
    size_t n = run->request.count, ranked = run->auction.eligible;
    struct rank_explained *all = arena_zero_array(&run->serve->arena, n, sizeof(*all));
    if (all == NULL)
        return out_of_memory(run);
    for (size_t i = 0; i < n; i++) {
        all[i].logit = run->logit[i];
        all[i].pctr = run->pctr[i];
        all[i].ecpm = 1000.0 * (double)run->pctr[i] * run->request.candidates[i].bid;
    }
    for (size_t i = 0; i < ranked; i++) {
        const struct auction_place *place = &run->places[i];
        struct rank_explained *one = &all[place->ad];
        one->rank = (uint32_t)i + 1;
        one->price = place->price;
        one->binding = (enum rank_binding)place->binding;
        one->has_next = i + 1 < ranked;
        one->next = one->has_next ? run->places[i + 1].ad : 0;
    }
    struct rank_reply reply = reply_of(run);
    rank_explain_encode(&reply, all, run->reply);
    return check_reply(run);
}

// The life of a request, from top to bottom.
static enum status stages(struct run *run, enum status (*encode)(struct run *run))
{
    lap(run, RANK_QUEUE);
    TRY(check_deadline(run, SERVER_METRICS_DEADLINE_QUEUE));
    TRY(parse(run));
    lap(run, RANK_PARSE);
    TRY(check_deadline(run, SERVER_METRICS_DEADLINE_PARSE));
    TRY(featurise(run));
    lap(run, RANK_FEATURISE);
    TRY(score(run));
    lap(run, RANK_SCORE);
    TRY(calibrate(run));
    lap(run, RANK_CALIBRATE);
    TRY(rank(run));
    lap(run, RANK_RANK);
    TRY(encode(run));
    lap(run, RANK_ENCODE);
    return STATUS_OK;
}

// The same without a score: all candidates have one pctr, which is not told.
static enum status stages_by_bid(struct run *run)
{
    TRY(parse(run));
    if (!run->priced)
        return diag_set(&run->diag, STATUS_DEADLINE, "the deadline of the request has passed");
    size_t n = run->request.count;
    run->pctr = arena_array(&run->serve->arena, n, sizeof(float));
    run->places = arena_array(&run->serve->arena, n, sizeof(*run->places));
    if (run->serve->arena.overflowed)
        return out_of_memory(run);
    for (size_t i = 0; i < n; i++)
        run->pctr[i] = 0.5F;
    TRY(run_auction(run, 0.0, 0.0));
    run->call->facts->degraded = true;
    return encode_ranked(run);
}

static struct run begin(struct serve *serve, const struct serve_call *call, struct buf *reply)
{
    return (struct run){
        .serve = serve,
        .call = call,
        .reply = reply,
        .view = registry_pin(serve->registry, serve->reader),
        .lap_ns = tick_ns() - call->queue_ns,
    };
}

static enum status end(struct run *run, enum status code)
{
    if (code != STATUS_OK) {
        run->call->facts->degraded = false;
        buf_clear(run->reply);
        rank_encode_error(&run->diag, code, run->reply);
    }
    registry_unpin(run->serve->registry, run->serve->reader);
    return code;
}

static enum status serve_whole(struct serve *serve, const struct serve_call *call,
                               struct buf *reply, enum version_metrics_api api,
                               enum status (*encode)(struct run *run))
{
    struct run run = begin(serve, call, reply);
    enum status code = stages(&run, encode);
    if (run.version != NULL)
        version_metrics_answered(run.version->metrics, serve->reader, api,
                                 (double)(tick_ns() - call->arrival_ns) * 1e-9);
    return end(&run, code);
}

enum status serve_rank(struct serve *serve, const struct serve_call *call, struct buf *reply)
{
    return serve_whole(serve, call, reply, VERSION_METRICS_RANK, encode_ranked);
}

enum status serve_explain(struct serve *serve, const struct serve_call *call, struct buf *reply)
{
    return serve_whole(serve, call, reply, VERSION_METRICS_EXPLAIN, encode_explained);
}

enum status serve_by_bid(struct serve *serve, const struct serve_call *call, struct buf *reply)
{
    struct run run = begin(serve, call, reply);
    run.by_bid = true;
    return end(&run, stages_by_bid(&run));
}
