// A record while it is read: all that needs no JSON parser and no request has (row_build.h).
#pragma once

#include "proto/record.h"
#include "proto/row_build.h"

enum { RECORD_TOLD_SLOTS = 2 * RECORD_MOST_TOLD };

// Hashes of the paths that were told already; 0 is a free slot.
struct record_told {
    uint64_t hashes[RECORD_TOLD_SLOTS];
    size_t count;
};

struct record_build {
    struct row_build rows; // the first member: its `unknown` finds the rest
    const struct record_limits *limits;
    struct record_told *told;
    struct record record;
    size_t bids;        // candidates with one
    size_t without_bid; // the first without, from 1; 0: none
};

// Takes the memory of the record from the arena; everything borrowed lives as long as the build.
MUST_USE enum status record_build_start(struct record_build *build, struct span line,
                                        const struct row_layout *layout,
                                        const struct record_limits *limits,
                                        struct record_told *told, struct arena *arena,
                                        struct diag *reterr);
// The path ends with a field that nobody reads: counted, and told the first time.
void record_build_ignored(struct record_build *build);
// Candidate `index` was read: what it must have.
MUST_USE enum status record_build_candidate(struct record_build *build, size_t index);
// What can be checked and computed only when everything was read.
MUST_USE enum status record_build_finish(struct record_build *build);
