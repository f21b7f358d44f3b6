#include "base/yamldoc.h"

#include "base/file.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

// All memory of a document hangs in one list, so that an error in the middle frees it like the end.
struct yamldoc_piece {
    struct yamldoc_piece *older;
    alignas(max_align_t) unsigned char memory[];
};

struct yamldoc {
    struct yamldoc_piece *pieces;
    const char *name;
    const struct yamldoc_node *root;
    struct yamldoc *adopted; // and so on, a chain
};

struct yamldoc_builder {
    struct yamldoc *doc;
    yaml_parser_t parser;
    struct span text;
    struct diag *diag;
};

struct yamldoc_children {
    const struct yamldoc_node **keys, **items;
    size_t count, capacity;
};

static void *yamldoc_alloc(struct yamldoc *doc, size_t bytes)
{
    struct yamldoc_piece *piece = malloc(sizeof(*piece) + bytes);
    if (piece == NULL)
        return NULL;
    piece->older = doc->pieces;
    doc->pieces = piece;
    return piece->memory;
}

static enum status yamldoc_no_memory(const struct yamldoc_builder *builder)
{
    return diag_at_line(builder->diag, STATUS_NO_MEMORY, builder->doc->name, 0, 0, "%s",
                        status_text(STATUS_NO_MEMORY));
}

static enum status yamldoc_fault(const struct yamldoc_builder *builder, yaml_mark_t mark,
                                 const char *words)
{
    return diag_at_line(builder->diag, STATUS_INVALID, builder->doc->name, (unsigned)mark.line + 1,
                        (unsigned)mark.column + 1, "%s", words);
}

// libyaml gives no mark for bytes that are not text, only their offset.
static yaml_mark_t yamldoc_mark_at(struct span text, size_t offset)
{
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset && i < text.size; i++) {
        mark.column++;
        if (text.data[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static enum status yamldoc_parser_fault(const struct yamldoc_builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
    if (parser->error == YAML_MEMORY_ERROR)
        return yamldoc_no_memory(builder);
    if (parser->error == YAML_READER_ERROR)
        return yamldoc_fault(builder, yamldoc_mark_at(builder->text, parser->problem_offset),
                             problem);
    yaml_mark_t mark = parser->problem_mark;
    if (parser->context == NULL)
        return yamldoc_fault(builder, mark, problem);
    return diag_at_line(builder->diag, STATUS_INVALID, builder->doc->name, (unsigned)mark.line + 1,
                        (unsigned)mark.column + 1, "%s, %s", parser->context, problem);
}

MUST_USE static enum status yamldoc_next(struct yamldoc_builder *builder, yaml_event_t *ret_event)
{
    if (!yaml_parser_parse(&builder->parser, ret_event))
        return yamldoc_parser_fault(builder);
    return STATUS_OK;
}

static bool yamldoc_is_null(const yaml_event_t *event)
{
    struct span text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.size == 0 || span_is(text, "null") || span_is(text, "~"));
}

// Anchors and tags, which three kinds of event can carry.
MUST_USE static enum status yamldoc_check_plain(const struct yamldoc_builder *builder,
                                                const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return yamldoc_fault(builder, event->start_mark, "aliases are not allowed");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return yamldoc_fault(builder, event->start_mark, "anchors are not allowed");
    if (tag != NULL)
        return yamldoc_fault(builder, event->start_mark, "tags are not allowed");
    return STATUS_OK;
}

MUST_USE static enum status yamldoc_scalar(struct yamldoc_builder *builder,
                                           const yaml_event_t *event, struct yamldoc_node *node)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(value, '\0', length) != NULL)
        return yamldoc_fault(builder, event->start_mark, "a text cannot hold the character NUL");
    char *copy = yamldoc_alloc(builder->doc, length + 1);
    if (copy == NULL)
        return yamldoc_no_memory(builder);
    memcpy(copy, value, length);
    copy[length] = '\0';
    node->kind = yamldoc_is_null(event) ? YAMLDOC_NULL : YAMLDOC_SCALAR;
    node->text = (struct span){copy, length};
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return STATUS_OK;
}

MUST_USE static enum status yamldoc_add(struct yamldoc_builder *builder,
                                        struct yamldoc_children *children,
                                        const struct yamldoc_node *key,
                                        const struct yamldoc_node *item)
{
    if (children->count == children->capacity) {
        // The text is bounded, so what doubling leaves behind is too; it goes with the document.
        size_t capacity = children->capacity == 0 ? 8 : children->capacity * 2;
        size_t bytes = capacity * sizeof(*children->items);
        const struct yamldoc_node **keys = yamldoc_alloc(builder->doc, bytes);
        const struct yamldoc_node **items = yamldoc_alloc(builder->doc, bytes);
        if (keys == NULL || items == NULL)
            return yamldoc_no_memory(builder);
        if (children->count > 0) {
            memcpy(keys, children->keys, children->count * sizeof(*keys));
            memcpy(items, children->items, children->count * sizeof(*items));
        }
        *children = (struct yamldoc_children){keys, items, children->count, capacity};
    }
    children->keys[children->count] = key;
    children->items[children->count++] = item;
    return STATUS_OK;
}

static int yamldoc_compare_keys(const void *left, const void *right)
{
    const struct yamldoc_node *a = *(const struct yamldoc_node *const *)left;
    const struct yamldoc_node *b = *(const struct yamldoc_node *const *)right;
    int order = span_compare(a->text, b->text);
    if (order != 0)
        return order;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

MUST_USE static enum status yamldoc_check_keys(struct yamldoc_builder *builder,
                                               const struct yamldoc_children *children)
{
    size_t bytes = children->count * sizeof(*children->keys);
    const struct yamldoc_node **sorted = yamldoc_alloc(builder->doc, bytes);
    if (sorted == NULL)
        return yamldoc_no_memory(builder);
    if (bytes > 0)
        memcpy(sorted, children->keys, bytes);
    qsort(sorted, children->count, sizeof(const struct yamldoc_node *), yamldoc_compare_keys);
    for (size_t i = 1; i < children->count; i++) {
        if (span_equal(sorted[i - 1]->text, sorted[i]->text))
            return diag_at_line(builder->diag, STATUS_INVALID, builder->doc->name, sorted[i]->line,
                                sorted[i]->column, "key '%s' stands twice, first in line %u",
                                sorted[i]->text.data, sorted[i - 1]->line);
    }
    return STATUS_OK;
}

MUST_USE static enum status yamldoc_build(struct yamldoc_builder *builder,
                                          const yaml_event_t *event, unsigned depth,
                                          struct yamldoc_node **ret_node);

// The next node, or *ret_node = NULL where the list or map ends.
MUST_USE static enum status yamldoc_child(struct yamldoc_builder *builder, unsigned depth,
                                          struct yamldoc_node **ret_node)
{
    yaml_event_t event;
    TRY(yamldoc_next(builder, &event));
    enum status code = STATUS_OK;
    if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
        *ret_node = NULL;
    else
        code = yamldoc_build(builder, &event, depth, ret_node);
    yaml_event_delete(&event);
    return code;
}

MUST_USE static enum status yamldoc_check_key(const struct yamldoc_builder *builder,
                                              const struct yamldoc_node *key)
{
    yaml_mark_t mark = {.line = key->line - 1, .column = key->column - 1};
    if (key->kind == YAMLDOC_LIST || key->kind == YAMLDOC_MAP)
        return yamldoc_fault(builder, mark, "a key must be a text");
    if (key->text.size == 0)
        return yamldoc_fault(builder, mark, "a key is empty");
    return STATUS_OK;
}

MUST_USE static enum status yamldoc_fill(struct yamldoc_builder *builder, unsigned depth,
                                         struct yamldoc_node *node)
{
    struct yamldoc_children children = {0};
    for (;;) {
        struct yamldoc_node *key = NULL, *item = NULL;
        if (node->kind == YAMLDOC_MAP) {
            TRY(yamldoc_child(builder, depth + 1, &key));
            if (key == NULL)
                break;
            TRY(yamldoc_check_key(builder, key));
            key->kind = YAMLDOC_SCALAR; // as a key, null is the word
        }
        TRY(yamldoc_child(builder, depth + 1, &item));
        if (item == NULL)
            break;
        TRY(yamldoc_add(builder, &children, key, item));
    }
    if (node->kind == YAMLDOC_MAP)
        TRY(yamldoc_check_keys(builder, &children));
    node->count = children.count;
    node->items = children.items;
    node->keys = node->kind == YAMLDOC_MAP ? children.keys : NULL;
    return STATUS_OK;
}

static enum status yamldoc_build(struct yamldoc_builder *builder, const yaml_event_t *event,
                                 unsigned depth, struct yamldoc_node **ret_node)
{
    TRY(yamldoc_check_plain(builder, event));
    if (depth > YAMLDOC_MAX_DEPTH)
        return diag_at_line(builder->diag, STATUS_INVALID, builder->doc->name,
                            (unsigned)event->start_mark.line + 1,
                            (unsigned)event->start_mark.column + 1, "nested deeper than %d levels",
                            YAMLDOC_MAX_DEPTH);
    struct yamldoc_node *node = yamldoc_alloc(builder->doc, sizeof(*node));
    if (node == NULL)
        return yamldoc_no_memory(builder);
    *node = (struct yamldoc_node){.line = (unsigned)event->start_mark.line + 1,
                                  .column = (unsigned)event->start_mark.column + 1};
    if (event->type == YAML_SCALAR_EVENT) {
        TRY(yamldoc_scalar(builder, event, node));
    } else {
        assert(event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT);
        node->kind = event->type == YAML_MAPPING_START_EVENT ? YAMLDOC_MAP : YAMLDOC_LIST;
        TRY(yamldoc_fill(builder, depth, node));
    }
    *ret_node = node;
    return STATUS_OK;
}

// Stream start, at most one document, stream end.
MUST_USE static enum status yamldoc_stream(struct yamldoc_builder *builder)
{
    for (;;) {
        yaml_event_t event;
        TRY(yamldoc_next(builder, &event));
        enum status code = STATUS_OK;
        bool ended = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && builder->doc->root != NULL) {
            code = yamldoc_fault(builder, event.start_mark, "a second document begins here");
        } else if (event.type == YAML_ALIAS_EVENT || event.type == YAML_SCALAR_EVENT ||
                   event.type == YAML_SEQUENCE_START_EVENT ||
                   event.type == YAML_MAPPING_START_EVENT) {
            struct yamldoc_node *root = NULL;
            code = yamldoc_build(builder, &event, 1, &root);
            builder->doc->root = root;
        }
        yaml_event_delete(&event);
        if (code != STATUS_OK || ended)
            return code;
    }
}

MUST_USE static enum status yamldoc_run(struct yamldoc *doc, struct span text, struct diag *reterr)
{
    struct yamldoc_builder builder = {.doc = doc, .text = text, .diag = reterr};
    if (!yaml_parser_initialize(&builder.parser))
        return yamldoc_no_memory(&builder);
    yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder.parser, (const unsigned char *)text.data, text.size);
    enum status code = yamldoc_stream(&builder);
    yaml_parser_delete(&builder.parser);
    return code;
}

enum status yamldoc_parse(struct span text, const char *name, struct yamldoc **ret_doc,
                          struct diag *reterr)
{
    if (text.size > YAMLDOC_MAX_BYTES)
        return diag_at_line(reterr, STATUS_TOO_LARGE, name, 0, 0, "%zu bytes are over the limit %d",
                            text.size, YAMLDOC_MAX_BYTES);
    if (text.data == NULL)
        text.data = "";
    size_t name_bytes = strlen(name) + 1;
    struct yamldoc *doc = calloc(1, sizeof(*doc));
    char *own_name = doc == NULL ? NULL : yamldoc_alloc(doc, name_bytes);
    if (own_name == NULL) {
        yamldoc_free(doc);
        return diag_at_line(reterr, STATUS_NO_MEMORY, name, 0, 0, "%s",
                            status_text(STATUS_NO_MEMORY));
    }
    memcpy(own_name, name, name_bytes);
    doc->name = own_name;
    enum status code = yamldoc_run(doc, text, reterr);
    if (code != STATUS_OK) {
        yamldoc_free(doc);
        return code;
    }
    *ret_doc = doc;
    return STATUS_OK;
}

enum status yamldoc_read(const char *path, struct yamldoc **ret_doc, struct diag *reterr)
{
    struct file_bytes bytes;
    TRY(file_read(path, YAMLDOC_MAX_BYTES, 0, &bytes, reterr));
    struct span text = {(const char *)bytes.data, bytes.size};
    enum status code = yamldoc_parse(text, path, ret_doc, reterr);
    file_free(&bytes);
    return code;
}

void yamldoc_free(struct yamldoc *doc)
{
    while (doc != NULL) {
        struct yamldoc *next = doc->adopted;
        while (doc->pieces != NULL) {
            struct yamldoc_piece *older = doc->pieces->older;
            free(doc->pieces);
            doc->pieces = older;
        }
        free(doc);
        doc = next;
    }
}

void yamldoc_adopt(struct yamldoc *doc, struct yamldoc *child)
{
    while (doc->adopted != NULL)
        doc = doc->adopted;
    doc->adopted = child;
}

const struct yamldoc_node *yamldoc_root(const struct yamldoc *doc)
{
    return doc->root;
}

const struct yamldoc_node *yamldoc_get(const struct yamldoc_node *map, const char *key)
{
    assert(map->kind == YAMLDOC_MAP);
    for (size_t i = 0; i < map->count; i++)
        if (span_is(map->keys[i]->text, key))
            return map->items[i];
    return NULL;
}

const char *yamldoc_name(const struct yamldoc *doc)
{
    return doc->name;
}
