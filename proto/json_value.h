// JSON as a tree, for everything that is not a request body or a training file: the one door to
// jansson. Duplicate keys are refused, depth <= JSON_VALUE_MAX_DEPTH (checked before jansson, which
// recurses, sees the text), text is UTF-8 without U+0000, integers fit 64 bits.
//
// jansson reads; the tree is ours: keys stand in byte order, so by index, by key (binary search)
// and on paper maps look the same, and equal trees give equal bytes. Reals print in the shortest
// form that reads back, with a point or an exponent; integers without. A tree belongs to one thread
// at a time; reading alone may be shared.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_VALUE_MAX_DEPTH = 32 };

enum json_value_kind {
    JSON_VALUE_NULL,
    JSON_VALUE_BOOL,
    JSON_VALUE_INT,
    JSON_VALUE_REAL,
    JSON_VALUE_TEXT,
    JSON_VALUE_LIST,
    JSON_VALUE_MAP
};

struct json_value;

// Reading. A parsed or made root is owned by the caller and freed with json_value_free; everything
// got out of it is borrowed.
MUST_USE enum status json_value_parse(struct span text, struct json_value **ret_root,
                                      struct diag *reterr);
void json_value_free(struct json_value *root);
enum json_value_kind json_value_kind(const struct json_value *value);
const struct json_value *json_value_get(const struct json_value *map, const char *key); // or NULL
size_t json_value_size(const struct json_value *value); // of a list or a map, else 0
// Item of a list, or value of a map in the order of its keys.
const struct json_value *json_value_at(const struct json_value *list, size_t index);
const char *json_value_key_at(const struct json_value *map, size_t index); // sorted order
bool json_value_bool(const struct json_value *value);     // kind must be JSON_VALUE_BOOL
int64_t json_value_int(const struct json_value *value);   // kind must be JSON_VALUE_INT
double json_value_number(const struct json_value *value); // JSON_VALUE_INT or JSON_VALUE_REAL
struct span
json_value_text(const struct json_value *value); // kind must be JSON_VALUE_TEXT; terminated

// Typed reading of a member with a clear fault ("manifest.network.hidden: expected a list, got
// text").
MUST_USE enum status json_value_need(const struct json_value *map, const char *key,
                                     enum json_value_kind kind, const struct json_value **ret,
                                     struct diag *reterr);

// Making. Adding takes over the child. NULL from a maker is out of memory, and adding NULL fails,
// so a writer may check once, at the end: json_value_write of a broken tree is STATUS_NO_MEMORY.
struct json_value *json_value_new_map(void);
struct json_value *json_value_new_list(void);
void json_value_set(struct json_value *map, const char *key, struct json_value *child);
void json_value_set_text(struct json_value *map, const char *key, const char *text);
void json_value_set_int(struct json_value *map, const char *key, int64_t number);
void json_value_set_number(struct json_value *map, const char *key, double number); // NaN: null
void json_value_set_bool(struct json_value *map, const char *key, bool flag);
void json_value_push(struct json_value *list, struct json_value *child);
void json_value_push_text(struct json_value *list, const char *text);
void json_value_push_int(struct json_value *list, int64_t number);
void json_value_push_number(struct json_value *list, double number);
bool json_value_broken(const struct json_value *value); // of this node alone
// Compact (indent 0) or indented text, keys sorted, appended.
MUST_USE enum status json_value_write(const struct json_value *root, unsigned indent,
                                      struct buf *out);
