// From the name of a value to its field in a row_layout, and which fields an object has had.
//
// Senders repeat the order of their fields, so the field after the last one found is tried first;
// only when that fails is a hash table made (lazily, once per request) and asked, or, where fields
// are few, every one of them. Lookup stays O(1) whatever names are sent. Memory from the arena; one
// thread; borrowed layout.
#pragma once

#include "base/arena.h"
#include "proto/row.h"

#include <stdbool.h>
#include <stdint.h>

struct row_find {
    const struct row_layout *layout;
    uint32_t *stamps;  // (field_count): number of the last object that had the field
    uint32_t *slots;   // (slot_count): index + 1, 0 is free; valid if `hashed`
    size_t slot_count; // a power of two; 0: fields are few
    bool hashed;
    uint32_t object; // number of the object that is being read, from 1
    enum row_scope scope;
    size_t next;  // the field that is expected
    size_t found; // distinct fields of this object so far
};

enum { ROW_FIND_FEW = 32 }; // up to here no table is made

size_t row_find_bytes(size_t field_count); // most that row_find_init takes, but for alignment
MUST_USE enum status row_find_init(struct row_find *find, const struct row_layout *layout,
                                   struct arena *arena);           // STATUS_TOO_LARGE
void row_find_object(struct row_find *find, enum row_scope scope); // a new object begins
// The field that is expected next, or NULL: a caller may compare before it decodes a name.
const struct row_field *row_find_expected(const struct row_find *find);
// NULL: no field of that name in this scope.
const struct row_field *row_find_name(struct row_find *find, struct span name);
// The field of that name in another scope, for the words of a fault.
const struct row_field *row_find_elsewhere(struct row_find *find, struct span name);
// Marks it as had; false: it was had before in this object.
MUST_USE bool row_find_take(struct row_find *find, const struct row_field *field);
bool row_find_taken(const struct row_find *find, const struct row_field *field);
