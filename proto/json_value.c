#include "proto/json_value.h"

#include "base/num.h"
#include "base/utf8.h"
#include "proto/json_fault.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Keys of a map are kept in byte order, so that reading by index, looking up and writing all see
// the same order without sorting again.
struct json_value {
    enum json_value_kind kind;
    bool flag;
    bool broken; // a child could not be made or added
    int64_t integer;
    double real;
    struct span text;
    size_t count, capacity;    // of a list or a map
    struct json_value **items; // (count)
    char **keys;               // (count), of a map
};

static struct json_value *json_value_new(enum json_value_kind kind)
{
    struct json_value *value = calloc(1, sizeof(*value));
    if (value != NULL)
        value->kind = kind;
    return value;
}

void json_value_free(struct json_value *root)
{
    if (root == NULL)
        return;
    for (size_t i = 0; i < root->count; i++) {
        json_value_free(root->items[i]);
        if (root->kind == JSON_VALUE_MAP)
            free(root->keys[i]);
    }
    free(root->items);
    free(root->keys);
    if (root->kind == JSON_VALUE_TEXT)
        free((void *)(uintptr_t)root->text.data); // ours; const is for the borrowers
    free(root);
}

static bool json_value_reserve(struct json_value *value, size_t count)
{
    if (count <= value->capacity)
        return true;
    size_t capacity = value->capacity < 8 ? 8 : value->capacity;
    while (capacity < count)
        if (!num_mul(capacity, 2, &capacity))
            return false;
    size_t bytes;
    if (!num_mul(capacity, sizeof(void *), &bytes))
        return false;
    struct json_value **items = realloc(value->items, bytes);
    if (items == NULL)
        return false;
    value->items = items;
    if (value->kind == JSON_VALUE_MAP) {
        char **keys = realloc(value->keys, bytes);
        if (keys == NULL)
            return false;
        value->keys = keys;
    }
    value->capacity = capacity;
    return true;
}

static struct json_value *json_value_new_span(struct span text)
{
    struct json_value *value = json_value_new(JSON_VALUE_TEXT);
    char *copy = value == NULL ? NULL : malloc(text.size + 1);
    if (copy == NULL) {
        free(value);
        return NULL;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    value->text = (struct span){copy, text.size};
    return value;
}

// --- Reading ------------------------------------------------------------------------------------

// Depth is known before the parser, which recurses, sees the text. Quotes hide brackets; whatever
// else is wrong is the parser's to say.
static size_t json_value_depth(struct span text)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

struct json_value_member {
    const char *key;
    json_t *child;
};

static int json_value_by_key(const void *a, const void *b)
{
    const struct json_value_member *left = a, *right = b;
    return strcmp(left->key, right->key);
}

static struct json_value *json_value_adopt(json_t *from);

static bool json_value_adopt_map(struct json_value *map, json_t *from)
{
    size_t count = json_object_size(from), i = 0;
    struct json_value_member *members = calloc(count + 1, sizeof(*members));
    bool good = members != NULL && json_value_reserve(map, count);
    if (good) {
        for (void *iter = json_object_iter(from); iter; iter = json_object_iter_next(from, iter))
            members[i++] = (struct json_value_member){json_object_iter_key(iter),
                                                      json_object_iter_value(iter)};
        qsort(members, count, sizeof(*members), json_value_by_key);
    }
    for (i = 0; good && i < count; i++) {
        char *key = strdup(members[i].key);
        struct json_value *child = json_value_adopt(members[i].child);
        good = key != NULL && child != NULL;
        if (good) {
            map->keys[map->count] = key;
            map->items[map->count++] = child;
        } else {
            free(key);
            json_value_free(child);
        }
    }
    free(members);
    return good;
}

static bool json_value_adopt_list(struct json_value *list, const json_t *from)
{
    size_t count = json_array_size(from);
    if (!json_value_reserve(list, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct json_value *child = json_value_adopt(json_array_get(from, i));
        if (child == NULL)
            return false;
        list->items[list->count++] = child;
    }
    return true;
}

// Our copy of the parser's tree. NULL: no memory.
static struct json_value *json_value_adopt(json_t *from)
{
    if (json_is_string(from))
        return json_value_new_span(
            (struct span){json_string_value(from), json_string_length(from)});
    enum json_value_kind kind = json_is_object(from)    ? JSON_VALUE_MAP
                                : json_is_array(from)   ? JSON_VALUE_LIST
                                : json_is_integer(from) ? JSON_VALUE_INT
                                : json_is_real(from)    ? JSON_VALUE_REAL
                                : json_is_boolean(from) ? JSON_VALUE_BOOL
                                                        : JSON_VALUE_NULL;
    struct json_value *value = json_value_new(kind);
    if (value == NULL)
        return NULL;
    value->flag = json_is_true(from);
    value->integer = json_integer_value(from);
    value->real = json_real_value(from);
    bool good = kind == JSON_VALUE_MAP    ? json_value_adopt_map(value, from)
                : kind == JSON_VALUE_LIST ? json_value_adopt_list(value, from)
                                          : true;
    if (!good) {
        json_value_free(value);
        return NULL;
    }
    return value;
}

enum status json_value_parse(struct span text, struct json_value **ret_root, struct diag *reterr)
{
    if (json_value_depth(text) > JSON_VALUE_MAX_DEPTH)
        return diag_set(reterr, STATUS_INVALID, "nested deeper than %d", JSON_VALUE_MAX_DEPTH);
    json_error_t error;
    json_t *tree = json_loadb(text.size == 0 ? "" : text.data, text.size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (tree == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the JSON text");
        char words[JSON_FAULT_TEXT];
        json_fault_escape(span_of(error.text), 100, words, sizeof(words));
        return diag_at_line(reterr, STATUS_INVALID, "", (unsigned)error.line,
                            (unsigned)error.column, "not valid JSON at line %d, column %d: %s",
                            error.line, error.column, words);
    }
    struct json_value *root = json_value_adopt(tree);
    json_decref(tree);
    if (root == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the JSON tree");
    *ret_root = root;
    return STATUS_OK;
}

enum json_value_kind json_value_kind(const struct json_value *value)
{
    return value->kind;
}

// Index of the first key that is not below `key`.
static size_t json_value_lower(const struct json_value *map, const char *key)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(map->keys[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct json_value *json_value_get(const struct json_value *map, const char *key)
{
    if (map->kind != JSON_VALUE_MAP)
        return NULL;
    size_t at = json_value_lower(map, key);
    return at < map->count && strcmp(map->keys[at], key) == 0 ? map->items[at] : NULL;
}

size_t json_value_size(const struct json_value *value)
{
    return value->count;
}

const struct json_value *json_value_at(const struct json_value *list, size_t index)
{
    assert(index < list->count);
    return list->items[index];
}

const char *json_value_key_at(const struct json_value *map, size_t index)
{
    assert(map->kind == JSON_VALUE_MAP && index < map->count);
    return map->keys[index];
}

bool json_value_bool(const struct json_value *value)
{
    assert(value->kind == JSON_VALUE_BOOL);
    return value->flag;
}

int64_t json_value_int(const struct json_value *value)
{
    assert(value->kind == JSON_VALUE_INT);
    return value->integer;
}

double json_value_number(const struct json_value *value)
{
    assert(value->kind == JSON_VALUE_INT || value->kind == JSON_VALUE_REAL);
    return value->kind == JSON_VALUE_INT ? (double)value->integer : value->real;
}

struct span json_value_text(const struct json_value *value)
{
    assert(value->kind == JSON_VALUE_TEXT);
    return value->text;
}

static const char *json_value_kind_name(enum json_value_kind kind)
{
    static const char *const names[] = {"null",   "true or false", "an integer", "a number",
                                        "a text", "a list",        "an object"};
    return names[kind];
}

enum status json_value_need(const struct json_value *map, const char *key,
                            enum json_value_kind kind, const struct json_value **ret,
                            struct diag *reterr)
{
    if (map->kind != JSON_VALUE_MAP)
        return diag_at_path(reterr, STATUS_INVALID, key, "expected an object around it, got %s",
                            json_value_kind_name(map->kind));
    const struct json_value *value = json_value_get(map, key);
    if (value == NULL)
        return diag_at_path(reterr, STATUS_INVALID, key, "missing, expected %s",
                            json_value_kind_name(kind));
    // Where a number is wanted, one without a point will do.
    bool fits = value->kind == kind || (kind == JSON_VALUE_REAL && value->kind == JSON_VALUE_INT);
    if (!fits)
        return diag_at_path(reterr, STATUS_INVALID, key, "expected %s, got %s",
                            json_value_kind_name(kind), json_value_kind_name(value->kind));
    *ret = value;
    return STATUS_OK;
}

// --- Making -------------------------------------------------------------------------------------

struct json_value *json_value_new_map(void)
{
    return json_value_new(JSON_VALUE_MAP);
}

struct json_value *json_value_new_list(void)
{
    return json_value_new(JSON_VALUE_LIST);
}

static struct json_value *json_value_new_int(int64_t number)
{
    struct json_value *value = json_value_new(JSON_VALUE_INT);
    if (value != NULL)
        value->integer = number;
    return value;
}

static struct json_value *json_value_new_number(double number)
{
    struct json_value *value = json_value_new(isfinite(number) ? JSON_VALUE_REAL : JSON_VALUE_NULL);
    if (value != NULL)
        value->real = number;
    return value;
}

static struct json_value *json_value_new_bool(bool flag)
{
    struct json_value *value = json_value_new(JSON_VALUE_BOOL);
    if (value != NULL)
        value->flag = flag;
    return value;
}

// Text that is not UTF-8 cannot be written as JSON: NULL, as for no memory.
static struct json_value *json_value_new_text(const char *text)
{
    struct span span = span_of(text);
    uint32_t code;
    for (size_t at = 0, length; at < span.size; at += length) {
        length = utf8_next(span, at, &code);
        if (length == 0)
            return NULL;
    }
    return json_value_new_span(span);
}

void json_value_set(struct json_value *map, const char *key, struct json_value *child)
{
    if (map == NULL || child == NULL) {
        json_value_free(child);
        if (map != NULL)
            map->broken = true;
        return;
    }
    assert(map->kind == JSON_VALUE_MAP && child != map);
    size_t at = json_value_lower(map, key);
    if (at < map->count && strcmp(map->keys[at], key) == 0) {
        json_value_free(map->items[at]);
        map->items[at] = child;
        return;
    }
    char *copy = strdup(key);
    if (copy == NULL || !json_value_reserve(map, map->count + 1)) {
        free(copy);
        json_value_free(child);
        map->broken = true;
        return;
    }
    memmove(map->items + at + 1, map->items + at, (map->count - at) * sizeof(*map->items));
    memmove(map->keys + at + 1, map->keys + at, (map->count - at) * sizeof(*map->keys));
    map->items[at] = child;
    map->keys[at] = copy;
    map->count++;
}

void json_value_set_text(struct json_value *map, const char *key, const char *text)
{
    json_value_set(map, key, json_value_new_text(text));
}

void json_value_set_int(struct json_value *map, const char *key, int64_t number)
{
    json_value_set(map, key, json_value_new_int(number));
}

void json_value_set_number(struct json_value *map, const char *key, double number)
{
    json_value_set(map, key, json_value_new_number(number));
}

void json_value_set_bool(struct json_value *map, const char *key, bool flag)
{
    json_value_set(map, key, json_value_new_bool(flag));
}

void json_value_push(struct json_value *list, struct json_value *child)
{
    if (list == NULL || child == NULL || !json_value_reserve(list, list->count + 1)) {
        json_value_free(child);
        if (list != NULL)
            list->broken = true;
        return;
    }
    assert(list->kind == JSON_VALUE_LIST && child != list);
    list->items[list->count++] = child;
}

void json_value_push_text(struct json_value *list, const char *text)
{
    json_value_push(list, json_value_new_text(text));
}

void json_value_push_int(struct json_value *list, int64_t number)
{
    json_value_push(list, json_value_new_int(number));
}

void json_value_push_number(struct json_value *list, double number)
{
    json_value_push(list, json_value_new_number(number));
}

bool json_value_broken(const struct json_value *value)
{
    return value->broken;
}
