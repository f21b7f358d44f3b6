#include "model/train/qidset.h"

#include "base/hash64.h"

#include <assert.h>
#include <stdlib.h>

enum { QIDSET_FIRST = 1024 };

void qidset_init(struct qidset *set)
{
    *set = (struct qidset){0};
    buf_init(&set->text, SIZE_MAX / 2);
}

void qidset_fini(struct qidset *set)
{
    buf_fini(&set->text);
    free(set->offset);
    free(set->slots);
    *set = (struct qidset){0};
}

struct span qidset_name(const struct qidset *set, size_t index)
{
    assert(index < set->count);
    uint64_t begin = set->offset[index];
    return (struct span){set->text.data + begin, (size_t)(set->offset[index + 1] - begin)};
}

// The slot that holds `name`, or the free one where it belongs.
static uint32_t *qidset_slot(const struct qidset *set, struct span name)
{
    size_t mask = 2 * set->capacity - 1;
    size_t at = (size_t)hash64(name.data, name.size, 0) & mask;
    while (set->slots[at] != 0 && !span_equal(qidset_name(set, set->slots[at] - 1), name))
        at = (at + 1) & mask;
    return &set->slots[at];
}

bool qidset_has(const struct qidset *set, struct span name)
{
    return set->count > 0 && *qidset_slot(set, name) != 0;
}

MUST_USE static enum status qidset_grow(struct qidset *set)
{
    size_t capacity = set->capacity == 0 ? QIDSET_FIRST : 2 * set->capacity;
    if (capacity > (size_t)1 << 31)
        return STATUS_TOO_LARGE;
    uint64_t *offset = realloc(set->offset, (capacity + 1) * sizeof(*offset));
    if (offset == NULL)
        return STATUS_NO_MEMORY;
    set->offset = offset;
    uint32_t *slots = calloc(2 * capacity, sizeof(*slots));
    if (slots == NULL)
        return STATUS_NO_MEMORY;
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    set->offset[0] = 0;
    for (size_t i = 0; i < set->count; i++)
        *qidset_slot(set, qidset_name(set, i)) = (uint32_t)(i + 1);
    return STATUS_OK;
}

enum status qidset_add(struct qidset *set, struct span name)
{
    if (set->count == set->capacity)
        TRY(qidset_grow(set));
    uint32_t *slot = qidset_slot(set, name);
    assert(*slot == 0);
    buf_append(&set->text, name.data, name.size);
    TRY(buf_status(&set->text));
    set->count++;
    set->offset[set->count] = set->text.size;
    *slot = (uint32_t)set->count;
    return STATUS_OK;
}
