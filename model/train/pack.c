#include "model/train/pack.h"

#include "base/hash64.h"

#include <assert.h>
#include <math.h>

void pack_init(struct pack *pack)
{
    *pack = (struct pack){0};
    struct buf *const parts[] = {&pack->list, &pack->cells, &pack->grade, &pack->bid, &pack->names};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        buf_init(parts[i], SIZE_MAX / 2);
}

void pack_fini(struct pack *pack)
{
    buf_fini(&pack->list);
    buf_fini(&pack->cells);
    buf_fini(&pack->grade);
    buf_fini(&pack->bid);
    buf_fini(&pack->names);
}

void pack_clear(struct pack *pack)
{
    buf_clear(&pack->list);
    buf_clear(&pack->cells);
    buf_clear(&pack->grade);
    buf_clear(&pack->bid);
    buf_clear(&pack->names);
    pack->lists = pack->docs = 0;
    pack->continues = false;
    pack->counts = (struct row_counts){0};
}

void pack_count(struct row_counts *sum, const struct row_counts *counts)
{
    sum->missing += counts->missing;
    sum->unknown += counts->unknown;
    sum->unknown_ids += counts->unknown_ids;
    sum->empty_lists += counts->empty_lists;
    sum->cut_lists += counts->cut_lists;
}

struct pack_list *pack_last(const struct pack *pack)
{
    struct pack_list *lists = (void *)pack->list.data;
    return pack->lists == 0 ? NULL : &lists[pack->lists - 1];
}

struct span pack_last_name(const struct pack *pack)
{
    size_t size = pack_last(pack)->name_bytes;
    return (struct span){pack->names.data + pack->names.size - size, size};
}

static void pack_docs(struct pack *pack, const struct record *record, size_t row_cells)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct record_candidate *candidate = &record->candidates[i];
        float grade = candidate->has_label ? candidate->label : 0;
        double bid = candidate->has_bid ? candidate->bid : (double)NAN;
        buf_append(&pack->grade, &grade, sizeof(grade));
        buf_append(&pack->bid, &bid, sizeof(bid));
    }
    buf_append(&pack->cells, record->items, record->count * row_cells * sizeof(*record->items));
    pack_count(&pack->counts, &record->counts);
    pack->docs += record->count;
}

MUST_USE static enum status pack_status(const struct pack *pack)
{
    return pack->list.failed || pack->cells.failed || pack->grade.failed || pack->bid.failed ||
                   pack->names.failed
               ? STATUS_NO_MEMORY
               : STATUS_OK;
}

enum status pack_record(struct pack *pack, const struct record *record, size_t shared_cells,
                        size_t row_cells)
{
    struct pack_list list = {.docs = (uint32_t)record->count,
                             .name_bytes = record->id.data == NULL ? 0 : (uint32_t)record->id.size,
                             .has_group = record->group.data != NULL,
                             .has_ts = record->has_ts,
                             .ts = record->has_ts ? record->ts : 0};
    if (list.has_group)
        list.group = (uint32_t)hash64(record->group.data, record->group.size, 0);
    buf_append(&pack->list, &list, sizeof(list));
    buf_append(&pack->names, record->id.data, list.name_bytes);
    buf_append(&pack->cells, record->shared, shared_cells * sizeof(*record->shared));
    pack->lists++;
    pack_docs(pack, record, row_cells);
    return pack_status(pack);
}

enum status pack_more(struct pack *pack, const struct record *record, size_t row_cells)
{
    assert(pack->lists > 0 && record->count == 1);
    pack_last(pack)->docs++;
    pack_docs(pack, record, row_cells);
    return pack_status(pack);
}
