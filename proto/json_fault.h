// Where in a JSON text something is wrong, and what stands there: words for a struct diag. Foreign
// text comes out as printable ASCII, cut to JSON_FAULT_FOREIGN characters. Cold paths only, except
// the path, which is kept while reading: push and pop are a store each.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stddef.h>

enum {
    JSON_FAULT_FOREIGN = 40,
    JSON_FAULT_TEXT = 128, // room for any text made here
    JSON_FAULT_STEPS = 8,
};

// "candidates[3].features.f[12]" is key, index, key, key, index. Keys are borrowed.
struct json_path {
    struct json_step {
        struct span key; // data NULL: an index
        size_t index;
    } steps[JSON_FAULT_STEPS];
    unsigned count;
};

void json_fault_push_key(struct json_path *path, struct span key);
void json_fault_push_index(struct json_path *path, size_t index);
void json_fault_pop(struct json_path *path);
// Writes the path, terminated, cut to `size`; returns `text`.
const char *json_fault_path(const struct json_path *path, char *text, size_t size);
// The same without the numbers: "candidates[].features.f[]".
const char *json_fault_place(const struct json_path *path, char *text, size_t size);

// Quotes, backslashes, control and non-ASCII bytes as escapes; "..." where it was cut to `limit`.
const char *json_fault_escape(struct span foreign, size_t limit, char *text, size_t size);
// The token at `token`, at most up to `end`: `"abc"`, `12x`, `a list`, `an object`, `the end`.
const char *json_fault_found(const char *token, const char *end, char *text, size_t size);
