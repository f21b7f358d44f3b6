// A parser of one thread: blocks of lines to packs.
#pragma once

#include "model/train/impressions.h"

struct linelog; // parser memory, reused

// `parser` is its number, for options->seen_of. STATUS_NO_MEMORY.
MUST_USE enum status linelog_new(const struct impressions_options *options, unsigned parser,
                                 struct linelog **ret_log, struct diag *reterr);
void linelog_free(struct linelog *log); // NULL is nothing

struct linelog_bad { // a line that cannot be read
    size_t offset, size;
    unsigned line;
};

// All lines of the block: good ones into the empty pack, the places of others (struct linelog_bad)
// into `bad`; *ret_first is what is wrong with the first. Other codes are no fault of a line.
MUST_USE enum status linelog_block(struct linelog *log, const struct lineread_block *block,
                                   struct pack *pack, struct buf *bad, struct diag *ret_first,
                                   struct diag *reterr);
// What is wrong with a line that linelog_block called bad.
enum status linelog_fault(struct linelog *log, const struct lineread_block *block,
                          const struct linelog_bad *bad, struct diag *reterr);
// The layout of the cells.
const struct row_layout *linelog_layout(const struct linelog *log);
// Names of fields that were ignored so far, each ended by '\n'.
struct span linelog_unknown(const struct linelog *log);
