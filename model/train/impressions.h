// Impression logs to packs of cells: JSONL (proto/record.h) or tables of CSV (csvmap.h).
//
// One thread reads blocks of lines, the others parse them, and the sink gets the packs in the order
// of the files, so nothing depends on the number of threads. What is wrong with a line is an error
// "file:line: JSON path: words"; with skip_bad = N the first N such lines are counted and left out
// instead.
#pragma once

#include "model/schema.h"
#include "model/train/lineread.h"
#include "model/train/pack.h"
#include "model/train/shards.h"
#include "proto/record.h"

enum { IMPRESSIONS_MAX_DOCS = 65536 }; // candidates of a list

struct csvmap;

struct impressions_options {
    const struct schema *schema; // what is read: all its features are sent; with vocabularies
    const struct csvmap *csv;    // NULL: JSONL
    bool unlabelled;             // a candidate need not have a label
    uint64_t skip_bad;
    unsigned threads; // 0: one a core
    // Not NULL: the context with which parser number `parser` tells `seen` the bytes of every id of
    // a table that is kept, of lines that are accepted; NULL: it does not tell those of this table.
    void *(*seen_of)(void *context, unsigned parser, uint32_t table);
    void (*seen)(void *context, struct span id);
    void *seen_context;
    void (*progress)(void *context, uint64_t done, uint64_t total); // bytes; may be NULL
    void *progress_context;
};

enum { IMPRESSIONS_UNKNOWN_TEXT = 512 };

struct impressions_totals {
    uint64_t lists, docs, skipped_lines;
    struct row_counts counts;
    struct diag first_skipped;              // if skipped_lines > 0
    char unknown[IMPRESSIONS_UNKNOWN_TEXT]; // names of ignored fields, sorted, cut: "a, b, ..."
};

// What is not STATUS_OK ends the reading and is returned as it is.
typedef enum status (*impressions_sink)(void *context, const struct pack *pack,
                                        struct diag *reterr);

MUST_USE enum status impressions_read(const struct shards *shards,
                                      const struct impressions_options *options,
                                      impressions_sink sink, void *context,
                                      struct impressions_totals *ret_totals, struct diag *reterr);
unsigned impressions_threads(const struct impressions_options *options);
