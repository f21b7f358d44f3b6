// POST /v1/rank: the request as native values, the reply as text (spec/wire.md 5).
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "proto/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Limits that hold whatever the configuration says.
enum { RANK_MAX_ID_BYTES = 256, RANK_MAX_DEPTH = 32 };
static const double rank_max_money = 1e15; // bids and floors; keeps every eCPM finite
static const char rank_memory_words[] = "the request needs more memory than one may have";

struct rank_candidate {
    struct span id; // as sent, unescaped
    double bid;     // valid if has_bid
    bool has_bid;
};

// Everything points into the arena or the body and lives as long as both.
struct rank_request {
    struct span id, model, unit; // data NULL: absent
    uint64_t version;            // of the model; 0: none, or a label
    struct span label;           // of a version, in its place; data NULL: none
    uint64_t slots;              // 0: all
    uint64_t timeout_us;         // 0: none
    double floor_bid, floor_ecpm;
    bool explain, timing;
    size_t count; // candidates, >= 1
    struct rank_candidate *candidates;
    union row_cell *shared; // (shared_width), raw
    union row_cell *items;  // (count, item_width), raw
    struct row_counts counts;
    const struct row_tally *tally; // (feature_count of the layout), by feature
};

struct rank_limits {
    size_t max_candidates;
    bool unknown_ignore; // unknown features are counted, not refused
    bool bids_only;      // user, context and features are passed over unread, valid or not
};

// A bid with all candidates or with none, else STATUS_INVALID naming the first that lacks one.
MUST_USE enum status rank_check_bids(const struct rank_request *request, struct diag *reterr);
// Every id once. The arena is given back what was taken from it.
MUST_USE enum status rank_check_ids(const struct rank_request *request, struct arena *arena,
                                    struct diag *reterr);

struct rank_result {
    uint32_t candidate; // index in the request
    float pctr;
    double ecpm, price;
};

#define RANK_ARM_CONTROL "control" // what serves without an experiment

// What the reply is made of; `results` by rank, `count` after the cut at slots.
struct rank_reply {
    struct span id; // data NULL: absent
    const char *model, *version, *arm;
    const struct rank_request *request;
    const struct rank_result *results;
    size_t count;
    const struct rank_result
        *next; // the first that was cut off, which prices the last shown; or NULL
    uint32_t below_floor;
    double gamma;
    bool priced;   // bids were sent: ecpm and price are in the reply
    bool degraded; // ranked by bid without a score: neither pctr nor money is in the reply
    const uint64_t *timing_ns; // (RANK_STAGES) or NULL
};

#define RANK_STAGE_TABLE(X)                                                                        \
    X(RANK_QUEUE, "queue")                                                                         \
    X(RANK_PARSE, "parse")                                                                         \
    X(RANK_FEATURISE, "featurise")                                                                 \
    X(RANK_SCORE, "score")                                                                         \
    X(RANK_CALIBRATE, "calibrate")                                                                 \
    X(RANK_RANK, "rank")                                                                           \
    X(RANK_ENCODE, "encode")
#define RANK_STAGE_ENUM(code, name) code,
enum rank_stage { RANK_STAGE_TABLE(RANK_STAGE_ENUM) RANK_STAGES };
#undef RANK_STAGE_ENUM

// Appends the JSON reply. pctr prints as the shortest float, money as the shortest double.
void rank_encode(const struct rank_reply *reply, struct buf *out);
// What stands before and behind the candidates, here and in an explanation (rank_explain.h).
void rank_encode_begin(const struct rank_reply *reply, struct buf *out);
void rank_encode_end(const struct rank_reply *reply, struct buf *out);
// {"error":"path: words"}. Whoever fills the diag escapes and cuts foreign text (json_fault.h). Of
// a fault of ours (HTTP 5xx) only the general text of its code goes out: words of a diag may name
// files.
void rank_encode_error(const struct diag *diag, enum status code, struct buf *out);
