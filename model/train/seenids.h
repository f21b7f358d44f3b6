// The ids of a line, held back until it is accepted: a line that is left out counts nowhere.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

typedef void seenids_fn(void *context, struct span id);

struct seenids { // of one parser
    struct buf held;
    seenids_fn *tell;
};

struct seenids_field { // the context of a field's `seen` (proto/row.h)
    struct seenids *ids;
    void *context; // with which `tell` is told its ids
};

void seenids_init(struct seenids *ids, seenids_fn *tell);
void seenids_fini(struct seenids *ids);
// The `seen` of a field; `field` is its seenids_field. The bytes are copied.
void seenids_hold(void *field, struct span id);
void seenids_forget(struct seenids *ids); // before a line
// After a line that is accepted. STATUS_NO_MEMORY: not all could be held.
MUST_USE enum status seenids_tell(struct seenids *ids, struct diag *reterr);
