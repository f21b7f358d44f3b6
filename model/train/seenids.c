#include "model/train/seenids.h"

#include <stdint.h>
#include <string.h>

struct seenids_head { // before the bytes of an id
    void *context;
    size_t size;
};

void seenids_init(struct seenids *ids, seenids_fn *tell)
{
    ids->tell = tell;
    buf_init(&ids->held, SIZE_MAX / 2);
}

void seenids_fini(struct seenids *ids)
{
    buf_fini(&ids->held);
}

void seenids_hold(void *field, struct span id)
{
    const struct seenids_field *of = field;
    const struct seenids_head head = {of->context, id.size};
    buf_append(&of->ids->held, &head, sizeof(head));
    buf_span(&of->ids->held, id);
}

void seenids_forget(struct seenids *ids)
{
    buf_clear(&ids->held);
}

enum status seenids_tell(struct seenids *ids, struct diag *reterr)
{
    if (ids->held.failed)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the ids of a line");
    for (size_t at = 0; at < ids->held.size;) {
        struct seenids_head head;
        memcpy(&head, ids->held.data + at, sizeof(head));
        at += sizeof(head);
        ids->tell(head.context, (struct span){ids->held.data + at, head.size});
        at += head.size;
    }
    return STATUS_OK;
}
