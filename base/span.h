// A piece of somebody else's bytes: pointer and length, not terminated, never owned.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct span {
    const char *data; // may be NULL when size is 0
    size_t size;
};

struct span span_of(const char *text); // up to, not with, the terminator; NULL gives an empty span
bool span_equal(struct span a, struct span b);
bool span_is(struct span a, const char *text);
int span_compare(struct span a, struct span b); // by bytes, a prefix first; like strcmp
struct span span_trim(struct span a);           // without blanks and tabs at both ends
bool span_starts(struct span a, const char *prefix);
