// A request while it is read: all that needs no JSON parser and no record has (row_build.h).
#pragma once

#include "proto/rank.h"
#include "proto/row_build.h"

struct rank_build {
    struct row_build rows; // the first member: its `unknown` finds the rest
    const struct rank_limits *limits;
    struct row_layout bare; // no field of the layout: what bids_only reads
    struct rank_request request;
};

// Takes the memory of the request from the arena; everything borrowed lives as long as the build,
// which stays where it is.
// The layout has nothing privileged.
MUST_USE enum status rank_build_start(struct rank_build *build, struct span body,
                                      const struct row_layout *layout,
                                      const struct rank_limits *limits, struct arena *arena,
                                      struct diag *reterr);
// What can be checked and computed only when everything was read.
MUST_USE enum status rank_build_finish(struct rank_build *build);
bool rank_build_forbidden(struct span name); // label, privileged
extern const char *const rank_build_forbidden_words;
