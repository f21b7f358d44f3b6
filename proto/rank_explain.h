// POST /v1/explain: why each candidate stands where it stands (spec/wire.md 5).
#pragma once

#include "base/buf.h"
#include "proto/rank.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What sets a price; the first among equals.
#define RANK_BINDING_TABLE(X)                                                                      \
    X(RANK_BINDING_NONE, "none") /* the price is 0, or there is no money */                        \
    X(RANK_BINDING_NEXT, "next")                                                                   \
    X(RANK_BINDING_BID, "floors.bid")                                                              \
    X(RANK_BINDING_ECPM, "floors.ecpm")
#define RANK_BINDING_ENUM(code, name) code,
enum rank_binding { RANK_BINDING_TABLE(RANK_BINDING_ENUM) };
#undef RANK_BINDING_ENUM

struct rank_explained {
    float logit, pctr;
    double ecpm;   // 1000 pctr bid, of all that have a bid
    uint32_t rank; // from 1; 0: under a floor
    double price;  // a click; of ranked ones
    bool has_next; // somebody stands behind it
    uint32_t next; // index in the request
    enum rank_binding binding;
};

// Appends the JSON reply: `all` (reply->request->count) in the order of the request; results, count
// and next of `reply` are not looked at. Numbers print as rank_encode prints them.
void rank_explain_encode(const struct rank_reply *reply, const struct rank_explained *all,
                         struct buf *out);
