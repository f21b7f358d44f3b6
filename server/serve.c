#include "server/serve.h"

#include "base/num.h"
#include "base/tick.h"
#include "model/auction.h"
#include "model/calibrate.h"
#include "model/scorer.h"
#include "proto/row_build.h"
#include "server/server_metrics.h"

#include <assert.h>
#include <stdio.h>

enum {
    // Of a candidate, beside its values: id, bid, place in tables, results.
    SERVE_CANDIDATE_BYTES = 512,
    // Of a request: ids, tables of the features, rounding of a few dozen allocations.
    SERVE_REQUEST_BYTES = 64 << 10,
    // Longest text of a ranked candidate in the reply, without its id.
    SERVE_RESULT_BYTES = 192,
};

// Memory that a request of the most candidates needs; false: no machine has it.
static bool plan(const struct serve_limits *limits, const struct registry_model *model,
                 size_t *ret_bytes)
{
    const struct row_layout *layout = &model->layout;
    const size_t most = limits->rank.max_candidates;
    const size_t row = SERVE_CANDIDATE_BYTES + RANK_MAX_ID_BYTES;
    const size_t once = row_build_bytes(layout, most) + SERVE_REQUEST_BYTES;
    size_t rows = 0, score = 0;
    return num_mul(row, most, &rows) && num_add(rows, once, &rows) &&
           scorer_bytes(&model->scorer, most, &score) && num_add(rows, score, ret_bytes);
}

enum status serve_init(struct serve *serve, const struct serve_limits *limits,
                       const struct registry_model *model, struct metric_shard *shard)
{
    size_t bytes;
    if (!plan(limits, model, &bytes))
        return STATUS_NO_MEMORY;
    *serve = (struct serve){.limits = *limits, .shard = shard};
    TRY(arena_init(&serve->arena, bytes));
    serve->reader = json_read_new(limits->max_body_bytes);
    if (serve->reader == NULL) {
        arena_fini(&serve->arena);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void serve_fini(struct serve *serve)
{
    json_read_free(serve->reader);
    arena_fini(&serve->arena);
}

size_t serve_max_reply_bytes(const struct serve_limits *limits)
{
    // A byte of an id becomes up to six in JSON ("\u001f").
    return (limits->rank.max_candidates + 4) * (6 * RANK_MAX_ID_BYTES + SERVE_RESULT_BYTES);
}

// A request on its way: what each stage leaves for the next. Everything lives in the arena.
struct run {
    struct serve *serve;
    const struct registry_model *model;
    const struct serve_call *call;
    struct buf *reply;
    struct diag diag;
    uint64_t lap_ns;                // end of the stage before
    uint64_t stage_ns[RANK_STAGES]; // of the stages that were reached
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
    uint64_t now = tick_ns();
    run->stage_ns[stage] = now - run->lap_ns;
    run->lap_ns = now;
    metric_observe(run->serve->shard, SERVER_METRICS_STAGE, stage,
                   (double)run->stage_ns[stage] * 1e-9);
}

static enum status check_deadline(struct run *run, uint64_t now_ns, enum server_metrics_shed reason)
{
    const struct serve_call *call = run->call;
    uint64_t timeout_us = run->request.timeout_us;
    // A difference, not a sum: a timeout of centuries must not wrap around to the past.
    bool late = (call->deadline_ns != 0 && now_ns >= call->deadline_ns) ||
                (timeout_us != 0 && (now_ns - call->arrival_ns) / 1000 >= timeout_us);
    if (!late)
        return STATUS_OK;
    server_metrics_shed(run->serve->shard, reason);
    return diag_set(&run->diag, STATUS_DEADLINE, "the deadline of the request has passed");
}

static enum status check_request(struct run *run)
{
    const struct rank_request *request = &run->request;
    if (request->model.data != NULL && !span_is(request->model, run->model->name))
        return diag_at_path(&run->diag, STATUS_NOT_FOUND, "model", "no such model is loaded");
    if (request->explain)
        return diag_at_path(&run->diag, STATUS_INVALID, "explain",
                            "explanations are not served; leave it out or send false");
    run->priced = request->candidates[0].has_bid; // the reader has seen to all or none
    return STATUS_OK;
}

static void count_features(struct metric_shard *shard, const struct row_counts *counts)
{
    metric_add(shard, SERVER_METRICS_MISSING, 0, counts->missing);
    metric_add(shard, SERVER_METRICS_UNKNOWN, 0, counts->unknown);
    metric_add(shard, SERVER_METRICS_UNKNOWN_IDS, 0, counts->unknown_ids);
    metric_add(shard, SERVER_METRICS_EMPTY_LISTS, 0, counts->empty_lists);
    metric_add(shard, SERVER_METRICS_CUT_LISTS, 0, counts->cut_lists);
}

static enum status parse(struct run *run)
{
    struct serve *serve = run->serve;
    TRY(json_read_rank(serve->reader, run->call->body, run->call->size, &run->model->layout,
                       &serve->limits.rank, &serve->arena, &run->request, &run->diag));
    TRY(check_request(run));
    count_features(serve->shard, &run->request.counts);
    metric_observe(serve->shard, SERVER_METRICS_REQUEST_CANDIDATES, 0, (double)run->request.count);
    return STATUS_OK;
}

static enum status featurise(struct run *run)
{
    struct arena *arena = &run->serve->arena;
    size_t n = run->request.count;
    run->logit = arena_array(arena, n, sizeof(float));
    run->pctr = arena_array(arena, n, sizeof(float));
    run->places = arena_array(arena, n, sizeof(*run->places));
    if (scorer_featurise(&run->model->scorer, run->request.shared, run->request.items, n, arena,
                         &run->input) != STATUS_OK ||
        arena->overflowed)
        return out_of_memory(run);
    return STATUS_OK;
}

static enum status score(struct run *run)
{
    size_t n = run->request.count;
    if (scorer_logits(&run->model->scorer, &run->input, n, &run->serve->arena, run->logit) !=
        STATUS_OK)
        return out_of_memory(run);
    metric_add(run->serve->shard, SERVER_METRICS_CANDIDATES, 0, n);
    return STATUS_OK;
}

static enum status calibrate(struct run *run)
{
    size_t n = run->request.count;
    enum status code =
        calibrate_apply(&run->model->scorer.checkpoint.calibrate, run->logit, n, run->pctr);
    if (code == STATUS_OK)
        return code;
    metric_add(run->serve->shard, SERVER_METRICS_NOT_FINITE, 0, 1);
    return diag_set(&run->diag, code, "the model gave a score that is not finite");
}

static enum status rank(struct run *run)
{
    const struct rank_request *request = &run->request;
    size_t n = request->count, slots = request->slots > n ? 0 : (size_t)request->slots;
    if (!run->priced) {
        auction_by_pctr(run->pctr, n, slots, run->places, &run->auction);
        return STATUS_OK;
    }
    double *bids = arena_array(&run->serve->arena, n, sizeof(*bids));
    if (bids == NULL)
        return out_of_memory(run);
    for (size_t i = 0; i < n; i++)
        bids[i] = request->candidates[i].bid;
    struct auction_rules rules = {
        .floor_bid = request->floor_bid,
        .floor_ecpm = request->floor_ecpm,
        .gamma = 1.0,
        .slots = slots,
    };
    auction_run(&rules, bids, run->pctr, n, run->places, &run->auction);
    assert(run->auction.invalid == 0); // the reader bounds bids, calibration bounds pctr
    metric_add(run->serve->shard, SERVER_METRICS_BELOW_FLOOR, 0, run->auction.below_floor);
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

static enum status encode(struct run *run)
{
    size_t shown = run->auction.shown;
    struct rank_result *results = arena_array(&run->serve->arena, shown, sizeof(*results));
    if (results == NULL)
        return out_of_memory(run);
    for (size_t i = 0; i < shown; i++) {
        results[i] = result_of(run, &run->places[i]);
        metric_observe(run->serve->shard, SERVER_METRICS_PCTR, 0, (double)results[i].pctr);
    }
    struct rank_result next;
    bool cut = run->priced && run->auction.eligible > shown;
    if (cut)
        next = result_of(run, &run->places[shown]);
    struct rank_reply reply = {
        .id = run->request.id,
        .model = run->model->name,
        .version = run->model->version,
        .arm = "control", // what serves without an experiment
        .request = &run->request,
        .results = results,
        .count = shown,
        .next = cut ? &next : NULL,
        .below_floor = (uint32_t)run->auction.below_floor,
        .gamma = 1.0,
        .priced = run->priced,
        .timing_ns = run->request.timing ? run->stage_ns : NULL,
    };
    rank_encode(&reply, run->reply);
    if (buf_status(run->reply) == STATUS_OK)
        return STATUS_OK;
    // Not the client's fault: the buffer's ceiling is above every reply (serve_max_reply_bytes).
    return diag_set(&run->diag, STATUS_NO_MEMORY, "no memory for the reply");
}

// The life of a request, from top to bottom.
static enum status stages(struct run *run)
{
    lap(run, RANK_QUEUE);
    TRY(check_deadline(run, run->lap_ns, SERVER_METRICS_DEADLINE_QUEUE));
    TRY(parse(run));
    lap(run, RANK_PARSE);
    TRY(check_deadline(run, run->lap_ns, SERVER_METRICS_DEADLINE_PARSE));
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

enum status serve_rank(struct serve *serve, const struct registry_model *model,
                       const struct serve_call *call, struct buf *reply)
{
    struct run run = {
        .serve = serve,
        .model = model,
        .call = call,
        .reply = reply,
        .lap_ns = tick_ns() - call->queue_ns,
    };
    arena_reset(&serve->arena);
    enum status code = stages(&run);
    if (code != STATUS_OK) {
        buf_clear(reply);
        rank_encode_error(&run.diag, code, reply);
    }
    metric_observe(serve->shard, SERVER_METRICS_DURATION, 0,
                   (double)(tick_ns() - call->arrival_ns) * 1e-9);
    return code;
}
