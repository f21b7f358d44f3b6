// Lists of a table that go on in the next block: packs one after another, seen by one thread.
#pragma once

#include "model/train/pack.h"
#include "proto/row.h"

struct listjoin { // the last list so far
    struct buf name, shared;
    uint64_t docs;
};

void listjoin_init(struct listjoin *join);
void listjoin_fini(struct listjoin *join);
// If the first list of the pack has the name of the last list so far, it continues that one. `file`
// and `line` are where the pack begins. STATUS_INVALID if what both share differs, STATUS_TOO_LARGE.
MUST_USE enum status listjoin_pack(struct listjoin *join, const struct row_layout *layout,
                                   struct pack *pack, const char *file, unsigned line,
                                   struct diag *reterr);
