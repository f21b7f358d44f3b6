#include "proto/row_find.h"

#include "base/hash64.h"

#include <assert.h>
#include <string.h>

static size_t row_find_slots(size_t field_count)
{
    if (field_count <= ROW_FIND_FEW)
        return 0;
    size_t slots = 8;
    while (slots < field_count * 2)
        slots *= 2;
    return slots;
}

size_t row_find_bytes(size_t field_count)
{
    return (field_count + row_find_slots(field_count)) * sizeof(uint32_t);
}

enum status row_find_init(struct row_find *find, const struct row_layout *layout,
                          struct arena *arena)
{
    assert(layout->field_count <= ROW_MAX_FIELDS);
    size_t slots = row_find_slots(layout->field_count);
    *find = (struct row_find){.layout = layout, .slot_count = slots};
    find->stamps = arena_zero_array(arena, layout->field_count, sizeof(*find->stamps));
    find->slots = arena_array(arena, slots, sizeof(*find->slots));
    return find->stamps == NULL || find->slots == NULL ? STATUS_TOO_LARGE : STATUS_OK;
}

static void row_find_advance(struct row_find *find, size_t from)
{
    const struct row_layout *layout = find->layout;
    while (from < layout->field_count && layout->fields[from].scope != find->scope)
        from++;
    find->next = from;
}

void row_find_object(struct row_find *find, enum row_scope scope)
{
    find->object++;
    find->scope = scope;
    find->found = 0;
    row_find_advance(find, 0);
}

const struct row_field *row_find_expected(const struct row_find *find)
{
    return find->next < find->layout->field_count ? &find->layout->fields[find->next] : NULL;
}

static void row_find_hash(struct row_find *find)
{
    memset(find->slots, 0, find->slot_count * sizeof(*find->slots));
    for (size_t i = 0; i < find->layout->field_count; i++) {
        struct span name = find->layout->fields[i].name;
        size_t at = (size_t)hash64(name.data, name.size, 0);
        while (find->slots[at & (find->slot_count - 1)] != 0)
            at++;
        find->slots[at & (find->slot_count - 1)] = (uint32_t)(i + 1);
    }
    find->hashed = true;
}

static const struct row_field *row_find_few(const struct row_find *find, struct span name,
                                            bool here)
{
    for (size_t i = 0; i < find->layout->field_count; i++) {
        const struct row_field *field = &find->layout->fields[i];
        if ((field->scope == find->scope) == here && span_equal(field->name, name))
            return field;
    }
    return NULL;
}

static const struct row_field *row_find_slot(struct row_find *find, struct span name, bool here)
{
    if (find->slot_count == 0)
        return row_find_few(find, name, here);
    if (!find->hashed)
        row_find_hash(find);
    for (size_t at = (size_t)hash64(name.data, name.size, 0);; at++) {
        uint32_t slot = find->slots[at & (find->slot_count - 1)];
        if (slot == 0)
            return NULL;
        const struct row_field *field = &find->layout->fields[slot - 1];
        if ((field->scope == find->scope) == here && span_equal(field->name, name))
            return field;
    }
}

const struct row_field *row_find_name(struct row_find *find, struct span name)
{
    const struct row_field *expected = row_find_expected(find);
    if (expected != NULL && span_equal(expected->name, name))
        return expected;
    return row_find_slot(find, name, true);
}

const struct row_field *row_find_elsewhere(struct row_find *find, struct span name)
{
    return row_find_slot(find, name, false);
}

bool row_find_take(struct row_find *find, const struct row_field *field)
{
    size_t index = (size_t)(field - find->layout->fields);
    if (find->stamps[index] == find->object)
        return false;
    find->stamps[index] = find->object;
    find->found++;
    row_find_advance(find, index + 1);
    return true;
}

bool row_find_taken(const struct row_find *find, const struct row_field *field)
{
    return find->stamps[field - find->layout->fields] == find->object;
}
