// Some lists of impressions as cells, side by side in memory: what a parser makes of a block of
// lines, and what is then written to an image (dataset_gather.h) in the order of the blocks.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"
#include "proto/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pack_list {
    uint32_t docs;
    uint32_t name_bytes; // 0: it has none
    bool has_group, has_ts;
    uint32_t group; // of the user's bytes, see dataset.h
    int64_t ts;
};

struct pack {
    size_t lists, docs;
    // The first list goes on with the last one of the pack before: its shared cells are not here.
    bool continues;
    struct buf list;  // struct pack_list
    struct buf cells; // of each list the shared ones, then its rows
    struct buf grade; // float a document; without a label 0
    struct buf bid;   // double a document; NAN: none
    struct buf names; // one after another
    struct row_counts counts;
};

void pack_init(struct pack *pack);
void pack_fini(struct pack *pack);
void pack_clear(struct pack *pack);
// A whole record: a list of its own. `shared_cells` and `row_cells` are those of its layout.
MUST_USE enum status pack_record(struct pack *pack, const struct record *record,
                                 size_t shared_cells, size_t row_cells);
// One more document (record->count is 1) of the last list.
MUST_USE enum status pack_more(struct pack *pack, const struct record *record, size_t row_cells);
void pack_count(struct row_counts *sum, const struct row_counts *counts);

// NULL in an empty pack.
struct pack_list *pack_last(const struct pack *pack);
// Its name.
struct span pack_last_name(const struct pack *pack);
