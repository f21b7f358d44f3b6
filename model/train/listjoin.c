#include "model/train/listjoin.h"

#include "model/train/csvlog.h"

#include <string.h>

void listjoin_init(struct listjoin *join)
{
    *join = (struct listjoin){0};
    buf_init(&join->name, SIZE_MAX / 2);
    buf_init(&join->shared, SIZE_MAX / 2);
}

void listjoin_fini(struct listjoin *join)
{
    buf_fini(&join->name);
    buf_fini(&join->shared);
}

MUST_USE static enum status listjoin_first(const struct listjoin *join,
                                           const struct row_layout *layout, struct pack *pack,
                                           const char *file, unsigned line, struct diag *reterr)
{
    const struct pack_list *first = (const void *)pack->list.data;
    const size_t shared = layout->shared_width * sizeof(union row_cell);
    const struct span name = {pack->names.data, first->name_bytes};
    if (first->name_bytes == 0 || !span_equal(buf_view(&join->name), name))
        return STATUS_OK;
    const char *feature = csvlog_differs(layout, (const void *)join->shared.data,
                                         (const void *)pack->cells.data);
    if (feature != NULL)
        return diag_at_line(reterr, STATUS_INVALID, file, line, 0,
                            "%s: differs from the line before, which is of the same list", feature);
    if (join->docs + first->docs > IMPRESSIONS_MAX_DOCS)
        return diag_at_line(reterr, STATUS_TOO_LARGE, file, line, 0,
                            "the list has more than %d lines", IMPRESSIONS_MAX_DOCS);
    memmove(pack->cells.data, pack->cells.data + shared, pack->cells.size - shared);
    pack->cells.size -= shared;
    pack->continues = true;
    return STATUS_OK;
}

enum status listjoin_pack(struct listjoin *join, const struct row_layout *layout, struct pack *pack,
                          const char *file, unsigned line, struct diag *reterr)
{
    TRY(listjoin_first(join, layout, pack, file, line, reterr));
    const struct pack_list *last = pack_last(pack);
    if (pack->continues && pack->lists == 1) {
        join->docs += last->docs;
        return STATUS_OK;
    }
    const size_t rows = last->docs * layout->item_width;
    const size_t cells = rows + layout->shared_width;
    const struct span name = pack_last_name(pack);
    buf_clear(&join->name);
    buf_clear(&join->shared);
    buf_span(&join->name, name);
    buf_append(&join->shared, pack->cells.data + pack->cells.size - cells * sizeof(union row_cell),
               layout->shared_width * sizeof(union row_cell));
    join->docs = last->docs;
    return join->name.failed || join->shared.failed
               ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
               : STATUS_OK;
}
