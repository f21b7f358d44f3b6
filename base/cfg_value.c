#include "base/cfg_value.h"

#include "base/num.h"
#include "base/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CFG_LIST_MAX = 1 << 16, CFG_SHOWN = 40 }; // items of a list; bytes of a value in a message

static void *cfg_value_field(const struct cfg_option *option, void *config)
{
    return (char *)config + option->offset;
}

static const void *cfg_value_field_of(const struct cfg_option *option, const void *config)
{
    return (const char *)config + option->offset;
}

static int cfg_value_shown(struct span text)
{
    return text.size > CFG_SHOWN ? CFG_SHOWN : (int)text.size;
}

MUST_USE static enum status cfg_value_fault(const struct cfg_option *option, struct span text,
                                            const char *wanted, struct diag *reterr)
{
    return diag_set(reterr, STATUS_CONFIG, "%s: expected %s, not '%.*s'", option->key, wanted,
                    cfg_value_shown(text), text.size == 0 ? "" : text.data);
}

static enum status cfg_value_no_memory(struct diag *reterr)
{
    return diag_set(reterr, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
}

MUST_USE static enum status cfg_value_check_range(const struct cfg_option *option, double value,
                                                  struct span text, struct diag *reterr)
{
    char bound[NUM_DOUBLE_TEXT];
    if (value >= option->min && value <= option->max)
        return STATUS_OK;
    bool below = value < option->min;
    return diag_set(reterr, STATUS_CONFIG, "%s: '%.*s' is %s %s", option->key,
                    cfg_value_shown(text), text.data, below ? "less than" : "more than",
                    num_double_text(below ? option->min : option->max, bound));
}

MUST_USE static enum status cfg_value_parse_bool(const struct cfg_option *option, struct span text,
                                                 bool *field, struct diag *reterr)
{
    if (!span_is(text, "true") && !span_is(text, "false"))
        return cfg_value_fault(option, text, "true or false", reterr);
    *field = text.data[0] == 't';
    return STATUS_OK;
}

MUST_USE static enum status cfg_value_parse_i64(const struct cfg_option *option, struct span text,
                                                int64_t *field, struct diag *reterr)
{
    bool in_bytes = strstr(option->help, "bytes") != NULL;
    struct span digits = text;
    int64_t unit = 1, value;
    if (in_bytes && text.size > 1) {
        char last = text.data[text.size - 1];
        unit = last == 'k' ? 1 << 10 : last == 'm' ? 1 << 20 : last == 'g' ? 1 << 30 : 1;
        digits.size -= unit > 1 ? 1 : 0;
    }
    if (num_parse_i64(digits, &value) != STATUS_OK || __builtin_mul_overflow(value, unit, &value))
        return cfg_value_fault(
            option, text, in_bytes ? "a whole number with an optional k, m or g" : "a whole number",
            reterr);
    TRY(cfg_value_check_range(option, (double)value, text, reterr));
    *field = value;
    return STATUS_OK;
}

MUST_USE static enum status cfg_value_parse_double(const struct cfg_option *option,
                                                   struct span text, double *field,
                                                   struct diag *reterr)
{
    double value;
    enum status code = num_parse_double(text, &value);
    if (code == STATUS_NO_MEMORY)
        return cfg_value_no_memory(reterr);
    if (code != STATUS_OK)
        return cfg_value_fault(option, text, "a number", reterr);
    TRY(cfg_value_check_range(option, value, text, reterr));
    *field = value;
    return STATUS_OK;
}

// What YAML can hold in quotes on one line and give back unchanged.
static bool cfg_value_is_printable(struct span text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t code;
        size_t length = utf8_next(text, at, &code);
        if (length == 0 || code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 ||
            code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF)
            return false;
        at += length;
    }
    return true;
}

MUST_USE static enum status cfg_value_parse_text(const struct cfg_option *option, struct span text,
                                                 char **field, struct diag *reterr)
{
    if (!cfg_value_is_printable(text))
        return diag_set(reterr, STATUS_CONFIG,
                        "%s: the text is not UTF-8 or holds control characters", option->key);
    char *copy = malloc(text.size + 1);
    if (copy == NULL)
        return cfg_value_no_memory(reterr);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    free(*field);
    *field = copy;
    return STATUS_OK;
}

// The next of the names in "a|b|c"; `*rest` moves behind it. False at the end.
MUST_USE static bool cfg_value_next_choice(const char **rest, struct span *ret_name)
{
    if (**rest == '\0')
        return false;
    size_t length = strcspn(*rest, "|");
    *ret_name = (struct span){*rest, length};
    *rest += length + ((*rest)[length] == '|' ? 1 : 0);
    return true;
}

MUST_USE static enum status cfg_value_parse_choice(const struct cfg_option *option,
                                                   struct span text, int *field,
                                                   struct diag *reterr)
{
    const char *rest = option->choices;
    struct span name;
    for (int i = 0; cfg_value_next_choice(&rest, &name); i++) {
        if (span_equal(name, text)) {
            *field = i;
            return STATUS_OK;
        }
    }
    return cfg_value_fault(option, text, option->choices, reterr);
}

MUST_USE static enum status cfg_value_add_ints(const struct cfg_option *option, struct span item,
                                               struct cfg_ints *ints, struct diag *reterr)
{
    static const char wanted[] = "whole numbers and ascending ranges like 11-15";
    int64_t first, last;
    size_t dash = 1; // a '-' in front is a sign
    while (dash < item.size && item.data[dash] != '-')
        dash++;
    if (dash >= item.size) {
        if (num_parse_i64(item, &first) != STATUS_OK)
            return cfg_value_fault(option, item, wanted, reterr);
        last = first;
    } else if (num_parse_i64((struct span){item.data, dash}, &first) != STATUS_OK ||
               num_parse_i64((struct span){item.data + dash + 1, item.size - dash - 1}, &last) !=
                   STATUS_OK ||
               last < first) {
        return cfg_value_fault(option, item, wanted, reterr);
    }
    TRY(cfg_value_check_range(option, (double)first, item, reterr));
    TRY(cfg_value_check_range(option, (double)last, item, reterr));
    uint64_t more = (uint64_t)last - (uint64_t)first; // less one
    if (more >= CFG_LIST_MAX - ints->count)
        return diag_set(reterr, STATUS_CONFIG, "%s: more than %d numbers", option->key,
                        CFG_LIST_MAX);
    size_t count = ints->count + (size_t)more + 1;
    int64_t *items = realloc(ints->items, count * sizeof(*items));
    if (items == NULL)
        return cfg_value_no_memory(reterr);
    for (size_t i = ints->count; i < count; i++)
        items[i] = first + (int64_t)(i - ints->count);
    *ints = (struct cfg_ints){items, count};
    return STATUS_OK;
}

MUST_USE static enum status cfg_value_add_double(const struct cfg_option *option, struct span item,
                                                 struct cfg_doubles *doubles, struct diag *reterr)
{
    double value = 0;
    TRY(cfg_value_parse_double(option, item, &value, reterr));
    if (doubles->count == CFG_LIST_MAX)
        return diag_set(reterr, STATUS_CONFIG, "%s: more than %d numbers", option->key,
                        CFG_LIST_MAX);
    double *items = realloc(doubles->items, (doubles->count + 1) * sizeof(*items));
    if (items == NULL)
        return cfg_value_no_memory(reterr);
    items[doubles->count] = value;
    *doubles = (struct cfg_doubles){items, doubles->count + 1};
    return STATUS_OK;
}

// Each choice once.
MUST_USE static enum status cfg_value_add_choice(const struct cfg_option *option, struct span item,
                                                 struct cfg_ints *ints, struct diag *reterr)
{
    int index = 0;
    TRY(cfg_value_parse_choice(option, item, &index, reterr));
    for (size_t i = 0; i < ints->count; i++)
        if (ints->items[i] == index)
            return diag_set(reterr, STATUS_CONFIG, "%s: '%.*s' stands there twice", option->key,
                            cfg_value_shown(item), item.data);
    int64_t *items = realloc(ints->items, (ints->count + 1) * sizeof(*items));
    if (items == NULL)
        return cfg_value_no_memory(reterr);
    items[ints->count] = index;
    *ints = (struct cfg_ints){items, ints->count + 1};
    return STATUS_OK;
}

static bool cfg_value_is_list(const struct cfg_option *option)
{
    return option->kind == CFG_INTS || option->kind == CFG_DOUBLES || option->kind == CFG_CHOICES;
}

static const char *cfg_value_list_example(const struct cfg_option *option)
{
    return option->kind == CFG_INTS      ? "a list like [1, 3, 11-15]"
           : option->kind == CFG_DOUBLES ? "a list like [0.1, 1, 10]"
                                         : "a list like [a, b]";
}

// A list while it is read.
union cfg_value_list {
    struct cfg_ints ints;
    struct cfg_doubles doubles;
};

MUST_USE static enum status cfg_value_add(const struct cfg_option *option, struct span item,
                                          union cfg_value_list *list, struct diag *reterr)
{
    if (option->kind == CFG_DOUBLES)
        return cfg_value_add_double(option, item, &list->doubles, reterr);
    return option->kind == CFG_INTS ? cfg_value_add_ints(option, item, &list->ints, reterr)
                                    : cfg_value_add_choice(option, item, &list->ints, reterr);
}

static void cfg_value_free_list(const struct cfg_option *option, union cfg_value_list *list)
{
    if (option->kind == CFG_DOUBLES)
        free(list->doubles.items);
    else
        free(list->ints.items);
}

static void cfg_value_keep(const struct cfg_option *option, enum status code,
                           union cfg_value_list *made, void *config)
{
    if (code == STATUS_OK) {
        cfg_value_free(option, config);
        memcpy(cfg_value_field(option, config), made, sizeof(*made));
    } else {
        cfg_value_free_list(option, made);
    }
}

// "[1, 3, 11-15]", or nothing for the empty list.
MUST_USE static enum status cfg_value_parse_list(const struct cfg_option *option, struct span text,
                                                 void *config, struct diag *reterr)
{
    struct span rest = span_trim(text);
    bool open = rest.size >= 2 && rest.data[0] == '[' && rest.data[rest.size - 1] == ']';
    if (!open && rest.size > 0)
        return cfg_value_fault(option, text, cfg_value_list_example(option), reterr);
    if (open)
        rest = span_trim((struct span){rest.data + 1, rest.size - 2});
    union cfg_value_list made = {0};
    enum status code = STATUS_OK;
    for (bool more = rest.size > 0; more && code == STATUS_OK;) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t length = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        struct span item = span_trim((struct span){rest.data, length});
        code = cfg_value_add(option, item, &made, reterr);
        more = comma != NULL;
        if (more)
            rest = (struct span){comma + 1, rest.size - length - 1};
    }
    cfg_value_keep(option, code, &made, config);
    return code;
}

enum status cfg_value_parse(const struct cfg_option *option, struct span text, void *config,
                            struct diag *reterr)
{
    void *field = cfg_value_field(option, config);
    switch (option->kind) {
    case CFG_BOOL:
        return cfg_value_parse_bool(option, text, field, reterr);
    case CFG_I64:
        return cfg_value_parse_i64(option, text, field, reterr);
    case CFG_DOUBLE:
        return cfg_value_parse_double(option, text, field, reterr);
    case CFG_TEXT:
        return cfg_value_parse_text(option, text, field, reterr);
    case CFG_CHOICE:
        return cfg_value_parse_choice(option, text, field, reterr);
    case CFG_INTS:
    case CFG_DOUBLES:
    case CFG_CHOICES:
        return cfg_value_parse_list(option, text, config, reterr);
    case CFG_TREE:
        break;
    }
    assert(option->kind != CFG_TREE);
    return STATUS_CONFIG;
}

MUST_USE static enum status cfg_value_from_list(const struct cfg_option *option,
                                                const struct yamldoc_node *list, void *config,
                                                struct diag *reterr)
{
    union cfg_value_list made = {0};
    enum status code = STATUS_OK;
    for (size_t i = 0; i < list->count && code == STATUS_OK; i++) {
        const struct yamldoc_node *item = list->items[i];
        if (item->kind == YAMLDOC_SCALAR && !item->quoted)
            code = cfg_value_add(option, item->text, &made, reterr);
        else
            code = diag_set(reterr, STATUS_CONFIG, "%s: item %zu is no plain value, expected %s",
                            option->key, i + 1, cfg_value_list_example(option));
    }
    cfg_value_keep(option, code, &made, config);
    return code;
}

enum status cfg_value_from_node(const struct cfg_option *option, const struct yamldoc_node *node,
                                void *config, struct diag *reterr)
{
    if (option->kind == CFG_TREE) {
        const struct yamldoc_node *tree = node->kind == YAMLDOC_NULL ? NULL : node;
        memcpy(cfg_value_field(option, config), &tree, sizeof(tree));
        return STATUS_OK;
    }
    if (cfg_value_is_list(option) && node->kind == YAMLDOC_LIST)
        return cfg_value_from_list(option, node, config, reterr);
    if (cfg_value_is_list(option))
        return diag_set(reterr, STATUS_CONFIG, "%s: expected %s", option->key,
                        cfg_value_list_example(option));
    if (node->kind == YAMLDOC_NULL)
        return diag_set(reterr, STATUS_CONFIG, "%s: has no value", option->key);
    if (node->kind != YAMLDOC_SCALAR)
        return diag_set(reterr, STATUS_CONFIG, "%s: expected one value, not a %s", option->key,
                        node->kind == YAMLDOC_LIST ? "list" : "map");
    if (node->quoted && option->kind != CFG_TEXT && option->kind != CFG_CHOICE)
        return diag_set(reterr, STATUS_CONFIG, "%s: must stand without quotes", option->key);
    return cfg_value_parse(option, node->text, config, reterr);
}

void cfg_value_free(const struct cfg_option *option, void *config)
{
    if (option->kind == CFG_TEXT) {
        char **field = cfg_value_field(option, config);
        free(*field);
        *field = NULL;
    } else if (cfg_value_is_list(option)) {
        union cfg_value_list *field = cfg_value_field(option, config);
        cfg_value_free_list(option, field);
        *field = (union cfg_value_list){0};
    }
}

static void cfg_value_print_text(const char *text, struct buf *out)
{
    buf_char(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ') {
            buf_printf(out, "\\x%02x", (unsigned)*c);
            continue;
        }
        if (*c == '"' || *c == '\\')
            buf_char(out, '\\');
        buf_char(out, *c);
    }
    buf_char(out, '"');
}

static void cfg_value_print_choice(const struct cfg_option *option, int index, struct buf *out)
{
    const char *rest = option->choices;
    struct span name = {0};
    for (int i = 0; i <= index; i++) {
        bool found = cfg_value_next_choice(&rest, &name);
        assert(found);
        (void)found;
    }
    buf_span(out, name);
}

static void cfg_value_print_list(const struct cfg_option *option, const union cfg_value_list *list,
                                 struct buf *out)
{
    char number[NUM_DOUBLE_TEXT];
    size_t count = option->kind == CFG_DOUBLES ? list->doubles.count : list->ints.count;
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i == 0 ? "" : ", ");
        if (option->kind == CFG_DOUBLES)
            buf_text(out, num_double_text(list->doubles.items[i], number));
        else if (option->kind == CFG_INTS)
            buf_printf(out, "%" PRId64, list->ints.items[i]);
        else
            cfg_value_print_choice(option, (int)list->ints.items[i], out);
    }
    buf_char(out, ']');
}

// Plain words stay plain, but for what a list on one line would take apart.
static void cfg_value_print_scalar(const struct yamldoc_node *node, struct buf *out)
{
    bool plain = !node->quoted;
    for (size_t i = 0; i < node->text.size; i++) {
        unsigned char c = (unsigned char)node->text.data[i];
        plain = plain && (isalnum(c) || strchr(i == 0 ? "._/+-" : "._/+-= ", c) != NULL);
    }
    if (plain)
        buf_span(out, node->text);
    else
        cfg_value_print_text(node->text.data, out);
}

static void cfg_value_print_node(const struct yamldoc_node *node, struct buf *out)
{
    if (node == NULL || node->kind == YAMLDOC_NULL) {
        buf_text(out, "null");
    } else if (node->kind == YAMLDOC_SCALAR) {
        cfg_value_print_scalar(node, out);
    } else {
        bool map = node->kind == YAMLDOC_MAP;
        buf_char(out, map ? '{' : '[');
        for (size_t i = 0; i < node->count; i++) {
            buf_text(out, i == 0 ? "" : ", ");
            if (map) {
                cfg_value_print_scalar(node->keys[i], out);
                buf_text(out, ": ");
            }
            cfg_value_print_node(node->items[i], out); // depth <= YAMLDOC_MAX_DEPTH
        }
        buf_char(out, map ? '}' : ']');
    }
}

void cfg_value_print(const struct cfg_option *option, const void *config, struct buf *out)
{
    const void *field = cfg_value_field_of(option, config);
    char number[NUM_DOUBLE_TEXT];
    switch (option->kind) {
    case CFG_BOOL:
        buf_text(out, *(const bool *)field ? "true" : "false");
        break;
    case CFG_I64:
        buf_printf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case CFG_DOUBLE:
        buf_text(out, num_double_text(*(const double *)field, number));
        break;
    case CFG_TEXT:
        cfg_value_print_text(*(char *const *)field, out);
        break;
    case CFG_CHOICE:
        cfg_value_print_choice(option, *(const int *)field, out);
        break;
    case CFG_INTS:
    case CFG_DOUBLES:
    case CFG_CHOICES:
        cfg_value_print_list(option, field, out);
        break;
    case CFG_TREE:
        cfg_value_print_node(*(const struct yamldoc_node *const *)field, out);
        break;
    }
}
