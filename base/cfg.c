#include "base/cfg.h"

#include "base/cfg_value.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CFG_NAME = 128, CFG_WORD = 64 }; // bytes of a key or variable; of a word that is compared

// What a source needs to know while it is read.
struct cfg_reader {
    const struct cfg_table *table;
    void *config;
    const char *file;    // of the YAML document
    struct yamldoc *doc; // of the file, and of trees given elsewhere
    struct diag *diag;
};

static size_t cfg_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; both at most
// CFG_WORD bytes.
static size_t cfg_distance(struct span a, struct span b)
{
    size_t rows[3][CFG_WORD + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.size; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t cost = a.data[i - 1] == b.data[j - 1] ? 0 : 1;
            row[j] = cfg_min(cfg_min(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = cfg_min(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.size];
}

// Keeps the nearer of `*best` and `name`, if it is near: a third of the word may differ.
static void cfg_consider(struct span word, struct span name, struct span *best,
                         size_t *best_distance)
{
    if (word.size > CFG_WORD || name.size > CFG_WORD)
        return;
    size_t near = name.size < 6 ? 1 : name.size / 3;
    size_t distance = cfg_distance(word, name);
    if (distance <= near && distance < *best_distance) {
        *best = name;
        *best_distance = distance;
    }
}

const char *cfg_nearest(struct span word, const char *const *names, size_t count)
{
    struct span best = {0};
    size_t distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        cfg_consider(word, span_of(names[i]), &best, &distance);
    return best.data;
}

// The part of `key` with as many segments as `like` has.
static struct span cfg_prefix_like(const char *key, struct span like)
{
    size_t dots = 0, end = 0;
    for (size_t i = 0; i < like.size; i++)
        dots += like.data[i] == '.' ? 1 : 0;
    for (; key[end] != '\0' && (key[end] != '.' || dots > 0); end++)
        dots -= key[end] == '.' ? 1 : 0;
    return (struct span){key, end};
}

static struct span cfg_nearest_key(const struct cfg_table *table, struct span word)
{
    struct span best = {0};
    size_t distance = SIZE_MAX;
    for (size_t i = 0; i < table->count; i++) {
        cfg_consider(word, span_of(table->options[i].key), &best, &distance);
        cfg_consider(word, cfg_prefix_like(table->options[i].key, word), &best, &distance);
    }
    return best;
}

// Ends the message of an unknown name.
static enum status cfg_unknown(struct diag *diag, const char *place, unsigned line, unsigned column,
                               const char *what, struct span word, struct span near)
{
    int shown = (int)cfg_min(word.size, CFG_NAME);
    if (near.data == NULL)
        return diag_at_line(diag, STATUS_CONFIG, place, line, column, "unknown %s '%.*s'", what,
                            shown, word.data);
    return diag_at_line(diag, STATUS_CONFIG, place, line, column,
                        "unknown %s '%.*s', did you mean '%.*s'?", what, shown, word.data,
                        (int)near.size, near.data);
}

static const struct cfg_option *cfg_find(const struct cfg_table *table, struct span key)
{
    for (size_t i = 0; i < table->count; i++)
        if (span_is(key, table->options[i].key))
            return &table->options[i];
    return NULL;
}

bool cfg_is_key(const struct cfg_table *table, struct span word)
{
    return cfg_find(table, word) != NULL;
}

static bool cfg_is_group(const struct cfg_table *table, struct span key)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *option = table->options[i].key;
        if (strncmp(option, key.data, key.size) == 0 && option[key.size] == '.')
            return true;
    }
    return false;
}

// Puts a place into a diag that tells words only.
static enum status cfg_place(struct diag *diag, enum status code, const char *place, unsigned line,
                             unsigned column)
{
    if (diag == NULL)
        return code;
    diag_in_file(diag, place);
    diag->line = line;
    diag->column = column;
    return code;
}

MUST_USE static enum status cfg_read_map(const struct cfg_reader *reader, struct span prefix,
                                         const struct yamldoc_node *map);

MUST_USE static enum status cfg_read_pair(const struct cfg_reader *reader, struct span prefix,
                                          const struct yamldoc_node *key,
                                          const struct yamldoc_node *item)
{
    char text[CFG_NAME];
    struct span path = {text, prefix.size + (prefix.size > 0 ? 1 : 0) + key->text.size};
    if (memchr(key->text.data, '.', key->text.size) != NULL)
        return diag_at_line(reader->diag, STATUS_CONFIG, reader->file, key->line, key->column,
                            "key '%s' has a dot: write it as a map in a map", key->text.data);
    if (path.size >= sizeof(text))
        return cfg_unknown(reader->diag, reader->file, key->line, key->column, "key", key->text,
                           (struct span){0});
    if (prefix.size > 0)
        memcpy(text, prefix.data, prefix.size);
    text[prefix.size] = '.';
    memcpy(text + path.size - key->text.size, key->text.data, key->text.size);
    const struct cfg_option *option = cfg_find(reader->table, path);
    if (option != NULL) {
        enum status code = cfg_value_from_node(option, item, reader->config, reader->diag);
        return code == STATUS_OK
                   ? code
                   : cfg_place(reader->diag, code, reader->file, item->line, item->column);
    }
    if (!cfg_is_group(reader->table, path))
        return cfg_unknown(reader->diag, reader->file, key->line, key->column, "key", path,
                           cfg_nearest_key(reader->table, path));
    return cfg_read_map(reader, path, item);
}

static enum status cfg_read_map(const struct cfg_reader *reader, struct span prefix,
                                const struct yamldoc_node *map)
{
    if (map->kind == YAMLDOC_NULL) // "group:" with nothing, or only comments, below it
        return STATUS_OK;
    if (map->kind != YAMLDOC_MAP)
        return diag_at_line(reader->diag, STATUS_CONFIG, reader->file, map->line, map->column,
                            "%.*s%sexpected a map of options", (int)prefix.size, prefix.data,
                            prefix.size == 0 ? "" : ": ");
    for (size_t i = 0; i < map->count; i++)
        TRY(cfg_read_pair(reader, prefix, map->keys[i], map->items[i]));
    return STATUS_OK;
}

MUST_USE static enum status cfg_read_file(struct cfg_reader *reader, const char *path)
{
    enum status code = yamldoc_read(path, &reader->doc, reader->diag);
    if (code != STATUS_OK)
        return code == STATUS_NO_MEMORY ? code : STATUS_CONFIG;
    const struct yamldoc_node *root = yamldoc_root(reader->doc);
    reader->file = path;
    return root == NULL ? STATUS_OK : cfg_read_map(reader, (struct span){"", 0}, root);
}

// A value that stands in an environment variable or on the command line.
MUST_USE static enum status cfg_take_text(struct cfg_reader *reader,
                                          const struct cfg_option *option, struct span text,
                                          const char *place)
{
    if (option->kind != CFG_TREE) {
        enum status code = cfg_value_parse(option, text, reader->config, reader->diag);
        return code == STATUS_OK ? code : cfg_place(reader->diag, code, place, 0, 0);
    }
    struct yamldoc *doc;
    enum status code = yamldoc_parse(text, place, &doc, reader->diag);
    if (code != STATUS_OK)
        return code == STATUS_NO_MEMORY ? code : STATUS_CONFIG;
    const struct yamldoc_node *root = yamldoc_root(doc);
    if (reader->doc == NULL)
        reader->doc = doc;
    else
        yamldoc_adopt(reader->doc, doc);
    static const struct yamldoc_node nothing = {.kind = YAMLDOC_NULL};
    return cfg_value_from_node(option, root != NULL ? root : &nothing, reader->config,
                               reader->diag);
}

// "http.port" -> "HTTP_PORT".
static const char *cfg_variable(const char *key, char text[CFG_NAME])
{
    size_t length = strlen(key);
    assert(length < CFG_NAME);
    for (size_t i = 0; i <= length; i++)
        text[i] = key[i] == '.' ? '_' : (char)toupper((unsigned char)key[i]);
    return text;
}

// Kubernetes sets such variables for a service of the program's name: CTRD_SERVICE_HOST, CTRD_PORT,
// CTRD_PORT_8080_TCP, ...
static bool cfg_is_service_link(struct span name)
{
    return span_is(name, "SERVICE_HOST") || span_starts(name, "SERVICE_PORT") ||
           span_is(name, "PORT") || span_starts(name, "PORT_");
}

// `entry` is "NAME=value", NAME begins with the table's prefix.
MUST_USE static enum status cfg_read_variable(struct cfg_reader *reader, const char *entry)
{
    const struct cfg_table *table = reader->table;
    size_t prefix = strlen(table->env_prefix), length = strcspn(entry, "=");
    struct span name = {entry + prefix, length - prefix};
    const struct cfg_option *nearest = NULL;
    size_t distance = SIZE_MAX;
    char variable[CFG_NAME], place[CFG_NAME + 16];
    snprintf(place, sizeof(place), "environment %.*s", (int)cfg_min(length, CFG_NAME), entry);
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        struct span known = span_of(cfg_variable(option->key, variable)), ignored;
        if (span_equal(name, known)) {
            struct span value = span_of(entry + length + (entry[length] == '=' ? 1 : 0));
            return cfg_take_text(reader, option, value, place);
        }
        size_t before = distance;
        cfg_consider(name, known, &ignored, &distance);
        nearest = distance < before ? option : nearest;
    }
    if (cfg_is_service_link(name))
        return STATUS_OK;
    char full[2 * CFG_NAME];
    struct span near = {0};
    if (nearest != NULL) {
        snprintf(full, sizeof(full), "%s%s", table->env_prefix,
                 cfg_variable(nearest->key, variable));
        near = span_of(full);
    }
    return cfg_unknown(reader->diag, "environment", 0, 0, "variable", (struct span){entry, length},
                       near);
}

MUST_USE static enum status cfg_read_set(struct cfg_reader *reader, const char *set)
{
    struct span key = {set, strcspn(set, "=")};
    char place[CFG_NAME];
    snprintf(place, sizeof(place), "--set %.*s", (int)cfg_min(key.size, CFG_NAME - 8), set);
    if (set[key.size] != '=')
        return diag_at_line(reader->diag, STATUS_CONFIG, place, 0, 0, "expected key=value");
    const struct cfg_option *option = cfg_find(reader->table, key);
    if (option == NULL)
        return cfg_unknown(reader->diag, "--set", 0, 0, "key", key,
                           cfg_nearest_key(reader->table, key));
    return cfg_take_text(reader, option, span_of(set + key.size + 1), place);
}

MUST_USE static enum status cfg_read_all(struct cfg_reader *reader,
                                         const struct cfg_sources *sources)
{
    const struct cfg_table *table = reader->table;
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        if (option->kind == CFG_TREE)
            continue;
        enum status code =
            cfg_value_parse(option, span_of(option->fallback), reader->config, reader->diag);
        assert(code == STATUS_OK || code == STATUS_NO_MEMORY); // else the table is wrong
        if (code != STATUS_OK)
            return code;
    }
    if (sources->file != NULL)
        TRY(cfg_read_file(reader, sources->file));
    for (char *const *entry = sources->environment; entry != NULL && *entry != NULL; entry++)
        if (span_starts(span_of(*entry), table->env_prefix))
            TRY(cfg_read_variable(reader, *entry));
    for (size_t i = 0; i < sources->set_count; i++)
        TRY(cfg_read_set(reader, sources->sets[i]));
    return STATUS_OK;
}

enum status cfg_load(const struct cfg_table *table, const struct cfg_sources *sources, void *config,
                     struct yamldoc **ret_doc, struct diag *reterr)
{
    struct cfg_reader reader = {.table = table, .config = config, .diag = reterr};
    enum status code = cfg_read_all(&reader, sources);
    if (code != STATUS_OK) {
        cfg_fini(table, config);
        yamldoc_free(reader.doc);
        return code;
    }
    *ret_doc = reader.doc;
    return STATUS_OK;
}

// ---- where a value came from -----------------------------------------------------------------

static bool cfg_blame_set(const struct cfg_sources *sources, const char *key, struct diag *diag)
{
    char place[CFG_NAME + 16];
    for (size_t i = 0; i < sources->set_count; i++) {
        const char *set = sources->sets[i];
        if (!span_is((struct span){set, strcspn(set, "=")}, key))
            continue;
        snprintf(place, sizeof(place), "--set %s", key);
        diag_in_file(diag, place);
        return true;
    }
    return false;
}

static bool cfg_blame_variable(const struct cfg_table *table, const struct cfg_sources *sources,
                               const char *key, struct diag *diag)
{
    char variable[CFG_NAME], place[2 * CFG_NAME];
    int start = snprintf(place, sizeof(place), "environment ");
    snprintf(place + start, sizeof(place) - (size_t)start, "%s%s", table->env_prefix,
             cfg_variable(key, variable));
    for (char *const *entry = sources->environment; entry != NULL && *entry != NULL; entry++) {
        if (!span_is((struct span){*entry, strcspn(*entry, "=")}, place + start))
            continue;
        diag_in_file(diag, place);
        return true;
    }
    return false;
}

static void cfg_blame_file(const char *file, const struct yamldoc *doc, const char *key,
                           struct diag *diag)
{
    char part[CFG_NAME];
    const struct yamldoc_node *node = yamldoc_root(doc);
    while (node != NULL && key[0] != '\0') {
        int length = (int)strcspn(key, ".");
        snprintf(part, sizeof(part), "%.*s", length, key);
        node = node->kind == YAMLDOC_MAP ? yamldoc_get(node, part) : NULL;
        key += length + (key[length] == '.' ? 1 : 0);
    }
    if (node == NULL)
        return; // the default
    diag_in_file(diag, file);
    if (diag->line != 0)
        return; // within a tree
    diag->line = node->line;
    diag->column = node->column;
}

void cfg_blame(const struct cfg_table *table, const struct cfg_sources *sources,
               const struct yamldoc *doc, struct diag *diag)
{
    if (diag == NULL || diag->file[0] != '\0' || !cfg_is_key(table, span_of(diag->path)))
        return;
    const char *key = diag->path;
    if (!cfg_blame_set(sources, key, diag) && !cfg_blame_variable(table, sources, key, diag) &&
        sources->file != NULL)
        cfg_blame_file(sources->file, doc, key, diag);
}

void cfg_fini(const struct cfg_table *table, void *config)
{
    for (size_t i = 0; i < table->count; i++)
        cfg_value_free(&table->options[i], config);
}
