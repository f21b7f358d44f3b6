// Lines of a table (csvmap.h) to packs, by the same rules of values as JSON: proto/row_build.h.
//
// An empty field is missing. Lines that follow one another with the same name of their list are one
// list; what they share must be the same in each. A line that cannot be read is left out or ends
// the reading like one of JSON; a header without a column that is needed always ends it.
#pragma once

#include "model/train/linelog.h"

struct csvlog;
struct seenids;

// options->csv says what stands where. `seen` holds the ids of a line. Borrows all three.
// STATUS_NO_MEMORY.
MUST_USE enum status csvlog_new(const struct impressions_options *options,
                                const struct row_layout *layout, struct seenids *seen,
                                struct csvlog **ret_log, struct diag *reterr);
void csvlog_free(struct csvlog *log); // NULL is nothing
// The feature in whose cells two shared blocks differ; NULL: in none.
const char *csvlog_differs(const struct row_layout *layout, const union row_cell *a,
                           const union row_cell *b);
// As linelog_block and linelog_fault.
MUST_USE enum status csvlog_block(struct csvlog *log, const struct lineread_block *block,
                                  struct pack *pack, struct buf *bad, struct diag *ret_first,
                                  struct diag *reterr);
enum status csvlog_fault(struct csvlog *log, const struct lineread_block *block,
                         const struct linelog_bad *bad, struct diag *reterr);
