// The option table as text: --help, Markdown, and a YAML file of the values in effect.
#include "base/cfg.h"
#include "base/cfg_value.h"
#include "base/num.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static const char *cfg_text_kind(enum cfg_kind kind)
{
    switch (kind) {
    case CFG_BOOL:
        return "true or false";
    case CFG_I64:
        return "whole number";
    case CFG_DOUBLE:
        return "number";
    case CFG_TEXT:
        return "text";
    case CFG_CHOICE:
        return "choice";
    case CFG_INTS:
        return "list of whole numbers";
    case CFG_DOUBLES:
        return "list of numbers";
    case CFG_CHOICES:
        return "list of choices";
    case CFG_TREE:
        return "map or list";
    }
    return "";
}

// `lead`, then "1 to 65535" or "a | b"; nothing at all where every value will do. Bounds past 2^53
// bound nothing that people would write.
static void cfg_text_range(const struct cfg_option *option, const char *lead, const char *bar,
                           struct buf *out)
{
    const double far = 9007199254740992.0;
    char low[NUM_DOUBLE_TEXT], high[NUM_DOUBLE_TEXT];
    if (option->kind == CFG_CHOICE || option->kind == CFG_CHOICES) {
        buf_text(out, lead);
        for (const char *c = option->choices; *c != '\0'; c++)
            if (*c == '|')
                buf_text(out, bar);
            else
                buf_char(out, *c);
        return;
    }
    if (option->kind != CFG_I64 && option->kind != CFG_DOUBLE && option->kind != CFG_INTS &&
        option->kind != CFG_DOUBLES)
        return;
    num_double_text(option->min, low);
    num_double_text(option->max, high);
    if (option->min > -far && option->max < far)
        buf_printf(out, "%s%s to %s", lead, low, high);
    else if (option->min > -far)
        buf_printf(out, "%sat least %s", lead, low);
    else if (option->max < far)
        buf_printf(out, "%sat most %s", lead, high);
}

static void cfg_text_variable(const struct cfg_table *table, const char *key, struct buf *out)
{
    buf_text(out, table->env_prefix);
    for (const char *c = key; *c != '\0'; c++)
        buf_char(out, *c == '.' ? '_' : (char)toupper((unsigned char)*c));
}

void cfg_help(const struct cfg_table *table, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        buf_printf(out, "  %s", option->key);
        if (option->kind != CFG_TREE)
            buf_printf(out, "=%s", option->fallback);
        buf_printf(out, "\n      %s\n      (%s", option->help, cfg_text_kind(option->kind));
        cfg_text_range(option, ", ", " | ", out);
        buf_text(out, "; ");
        cfg_text_variable(table, option->key, out);
        buf_text(out, option->live ? "; SIGHUP)\n" : ")\n");
    }
}

static void cfg_text_cell(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_char(out, '\\');
        buf_char(out, *text);
    }
}

static bool cfg_text_has_live(const struct cfg_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->options[i].live)
            return true;
    return false;
}

void cfg_markdown(const struct cfg_table *table, struct buf *out)
{
    bool live = cfg_text_has_live(table);
    buf_printf(out, "| option | kind | default | range | environment | %smeaning |\n",
               live ? "taken | " : "");
    buf_printf(out, "| --- | --- | --- | --- | --- | %s--- |\n", live ? "--- | " : "");
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        buf_printf(out, "| `%s` | %s | ", option->key, cfg_text_kind(option->kind));
        if (option->kind != CFG_TREE && option->fallback[0] != '\0') {
            buf_char(out, '`');
            cfg_text_cell(option->fallback, out);
            buf_char(out, '`');
        }
        buf_text(out, " | ");
        cfg_text_range(option, "", " \\| ", out);
        buf_text(out, " | `");
        cfg_text_variable(table, option->key, out);
        buf_text(out, "` | ");
        if (live)
            buf_text(out, option->live ? "SIGHUP | " : "start | ");
        cfg_text_cell(option->help, out);
        buf_text(out, " |\n");
    }
}

// Does an option before `index` stand in the same group, so that the group is written already?
static bool cfg_text_group_begun(const struct cfg_table *table, size_t index, size_t group_length)
{
    for (size_t i = 0; i < index; i++)
        if (table->options[i].kind != CFG_TREE &&
            strncmp(table->options[i].key, table->options[index].key, group_length) == 0)
            return true;
    return false;
}

// The options whose keys begin with the `length` bytes of `prefix` ("a.b." or nothing).
static void cfg_text_dump_group(const struct cfg_table *table, const void *config,
                                const char *prefix, size_t length, int indent, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        if (option->kind == CFG_TREE || strncmp(option->key, prefix, length) != 0)
            continue;
        const char *rest = option->key + length;
        size_t segment = strcspn(rest, ".");
        if (rest[segment] == '\0') {
            buf_printf(out, "%*s%s: ", indent, "", rest);
            cfg_value_print(option, config, out);
            buf_char(out, '\n');
        } else if (!cfg_text_group_begun(table, i, length + segment + 1)) {
            buf_printf(out, "%*s%.*s:\n", indent, "", (int)segment, rest);
            cfg_text_dump_group(table, config, option->key, length + segment + 1, indent + 2, out);
        }
    }
}

// A tree that somebody has given; it is in no group.
static void cfg_text_dump_tree(const struct cfg_option *option, const void *config, struct buf *out)
{
    const struct yamldoc_node *node;
    memcpy(&node, (const char *)config + option->offset, sizeof(node));
    if (node == NULL)
        return;
    assert(strchr(option->key, '.') == NULL);
    buf_printf(out, "%s: ", option->key);
    cfg_value_print(option, config, out);
    buf_char(out, '\n');
}

void cfg_dump(const struct cfg_table *table, const void *config, struct buf *out)
{
    cfg_text_dump_group(table, config, "", 0, 0, out);
    for (size_t i = 0; i < table->count; i++)
        if (table->options[i].kind == CFG_TREE)
            cfg_text_dump_tree(&table->options[i], config, out);
}
