#include "model/train/idcount.h"

#include "base/hash64.h"

#include <stdlib.h>

enum { IDCOUNT_FIRST = 1024 };

void idcount_init(struct idcount *ids)
{
    *ids = (struct idcount){0};
    buf_init(&ids->bytes, SIZE_MAX / 2);
}

void idcount_fini(struct idcount *ids)
{
    buf_fini(&ids->bytes);
    free(ids->entries);
    free(ids->slots);
    *ids = (struct idcount){0};
}

struct span idcount_id(const struct idcount *ids, size_t index)
{
    const struct idcount_entry *entry = &ids->entries[index];
    return (struct span){ids->bytes.data + entry->at, entry->size};
}

static uint32_t *idcount_slot(const struct idcount *ids, struct span id, uint64_t hash)
{
    const size_t mask = 2 * ids->capacity - 1;
    size_t at = (size_t)hash & mask;
    for (; ids->slots[at] != 0; at = (at + 1) & mask) {
        const size_t index = ids->slots[at] - 1;
        if (ids->entries[index].hash == hash && span_equal(idcount_id(ids, index), id))
            break;
    }
    return &ids->slots[at];
}

static bool idcount_grow(struct idcount *ids)
{
    const size_t capacity = ids->capacity == 0 ? IDCOUNT_FIRST : 2 * ids->capacity;
    if (capacity > (size_t)1 << 31)
        return false;
    struct idcount_entry *entries = realloc(ids->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return false;
    ids->entries = entries;
    uint32_t *slots = calloc(2 * capacity, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(ids->slots);
    ids->slots = slots;
    ids->capacity = capacity;
    for (size_t i = 0; i < ids->count; i++)
        *idcount_slot(ids, idcount_id(ids, i), entries[i].hash) = (uint32_t)(i + 1);
    return true;
}

void idcount_add(struct idcount *ids, struct span id, uint64_t count)
{
    ids->failed = ids->failed || (ids->count == ids->capacity && !idcount_grow(ids));
    if (ids->failed)
        return;
    const uint64_t hash = hash64(id.data, id.size, 0);
    uint32_t *slot = idcount_slot(ids, id, hash);
    if (*slot == 0) {
        ids->entries[ids->count] =
            (struct idcount_entry){.hash = hash, .at = ids->bytes.size, .size = id.size};
        buf_span(&ids->bytes, id);
        ids->failed = ids->bytes.failed;
        if (ids->failed)
            return;
        *slot = (uint32_t)++ids->count;
    }
    ids->entries[*slot - 1].count += count;
}

static int idcount_compare(const void *a, const void *b, void *context)
{
    const struct idcount_entry *x = a, *y = b;
    const struct idcount *ids = context;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return span_compare((struct span){ids->bytes.data + x->at, x->size},
                        (struct span){ids->bytes.data + y->at, y->size});
}

enum status idcount_sort(struct idcount *ids)
{
    if (ids->failed)
        return STATUS_NO_MEMORY;
    if (ids->count > 0)
        qsort_r(ids->entries, ids->count, sizeof(*ids->entries), idcount_compare, ids);
    return STATUS_OK;
}
