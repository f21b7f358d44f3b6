#include "model/train/csvmap.h"

#include "base/hash64.h"
#include "model/train/csvjoin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csvmap_reader {
    struct csvmap *map;
    const struct schema *schema;
    const char *file, *join;
    bool model;
    struct diag *reterr;
};

MUST_USE static enum status csvmap_fault(const struct csvmap_reader *reader,
                                         const struct yamldoc_node *node, const char *key,
                                         const char *words)
{
    return diag_at_line(reader->reterr, STATUS_CONFIG, reader->file, node->line, node->column,
                        "csv: %s %s", key, words);
}

MUST_USE static enum status csvmap_no_memory(const struct csvmap_reader *reader)
{
    return diag_set(reader->reterr, STATUS_NO_MEMORY, "out of memory");
}

// Every key of the map is one of `keys` (NULL at the end).
MUST_USE static enum status csvmap_keys(const struct csvmap_reader *reader,
                                        const struct yamldoc_node *map, const char *const *keys)
{
    for (size_t i = 0; i < map->count; i++) {
        size_t k = 0;
        while (keys[k] != NULL && !span_is(map->keys[i]->text, keys[k]))
            k++;
        if (keys[k] == NULL)
            return csvmap_fault(reader, map->keys[i], map->keys[i]->text.data, "is not known here");
    }
    return STATUS_OK;
}

// *ret_name stays as it is where the key is absent; null: NULL.
MUST_USE static enum status csvmap_name(const struct csvmap_reader *reader,
                                        const struct yamldoc_node *map, const char *key,
                                        char **ret_name)
{
    const struct yamldoc_node *node = map == NULL ? NULL : yamldoc_get(map, key);
    if (node == NULL)
        return STATUS_OK;
    free(*ret_name);
    *ret_name = NULL;
    if (node->kind == YAMLDOC_NULL)
        return STATUS_OK;
    if (node->kind != YAMLDOC_SCALAR || node->text.size == 0)
        return csvmap_fault(reader, node, key, "is not a name");
    *ret_name = strdup(node->text.data);
    return *ret_name == NULL ? csvmap_no_memory(reader) : STATUS_OK;
}

MUST_USE static enum status csvmap_char(const struct csvmap_reader *reader,
                                        const struct yamldoc_node *map, const char *key, char *ret)
{
    const struct yamldoc_node *node = map == NULL ? NULL : yamldoc_get(map, key);
    if (node == NULL)
        return STATUS_OK;
    const bool one = node->kind == YAMLDOC_SCALAR && node->text.size == 1;
    if (!one || strchr("\"\r\n", node->text.data[0]) != NULL)
        return csvmap_fault(reader, node, key, "is not one character");
    *ret = node->text.data[0];
    return STATUS_OK;
}

MUST_USE static enum status csvmap_room(const struct csvmap_reader *reader,
                                        struct csvmap_feature *feature, size_t count)
{
    feature->columns = calloc(count, sizeof(char *));
    if (feature->columns == NULL)
        return csvmap_no_memory(reader);
    feature->count = count;
    return STATUS_OK;
}

MUST_USE static enum status csvmap_one(const struct csvmap_reader *reader,
                                       struct csvmap_feature *feature, const char *name)
{
    TRY(csvmap_room(reader, feature, 1));
    feature->columns[0] = strdup(name);
    return feature->columns[0] == NULL ? csvmap_no_memory(reader) : STATUS_OK;
}

// A column for every value.
MUST_USE static enum status csvmap_several(const struct csvmap_reader *reader,
                                           const struct schema_feature *of,
                                           const struct yamldoc_node *node,
                                           struct csvmap_feature *feature)
{
    const bool prefix = node->kind == YAMLDOC_MAP;
    const struct yamldoc_node *name = prefix ? yamldoc_get(node, "prefix") : NULL;
    if (of->kind != SCHEMA_DENSE)
        return csvmap_fault(reader, node, of->name, "is one id: it has one column");
    if (!prefix && node->count != of->size)
        return csvmap_fault(reader, node, of->name, "has not as many columns as values (size)");
    TRY(csvmap_room(reader, feature, of->size));
    for (uint32_t i = 0; i < of->size; i++) {
        if (!prefix && node->items[i]->kind != YAMLDOC_SCALAR)
            return csvmap_fault(reader, node->items[i], of->name, "is not a list of columns");
        int size = prefix ? asprintf(&feature->columns[i], "%s%u", name->text.data, i)
                          : asprintf(&feature->columns[i], "%s", node->items[i]->text.data);
        if (size < 0) {
            feature->columns[i] = NULL;
            return csvmap_no_memory(reader);
        }
    }
    return STATUS_OK;
}

MUST_USE static enum status csvmap_feature(const struct csvmap_reader *reader,
                                           const struct schema_feature *of,
                                           const struct yamldoc_node *node,
                                           struct csvmap_feature *feature)
{
    static const char *const keys[] = {"column", "split", "prefix", NULL};
    feature->split = ' ';
    if (node == NULL)
        return csvmap_one(reader, feature, of->name);
    if (node->kind == YAMLDOC_SCALAR && node->text.size > 0)
        return csvmap_one(reader, feature, node->text.data);
    if (node->kind == YAMLDOC_LIST)
        return csvmap_several(reader, of, node, feature);
    if (node->kind != YAMLDOC_MAP)
        return csvmap_fault(reader, node, of->name, "is not a column, a list of them, or a map");
    TRY(csvmap_keys(reader, node, keys));
    const struct yamldoc_node *prefix = yamldoc_get(node, "prefix");
    const struct yamldoc_node *column = yamldoc_get(node, "column");
    if (prefix != NULL && prefix->kind == YAMLDOC_SCALAR && node->count == 1)
        return csvmap_several(reader, of, node, feature);
    if (column == NULL || column->kind != YAMLDOC_SCALAR || prefix != NULL)
        return csvmap_fault(reader, node, of->name, "is neither {column, split} nor {prefix}");
    if (of->kind != SCHEMA_ID_LIST && yamldoc_get(node, "split") != NULL)
        return csvmap_fault(reader, node, of->name, "is no list of ids: split means nothing");
    TRY(csvmap_char(reader, node, "split", &feature->split));
    return csvmap_one(reader, feature, column->text.data);
}

MUST_USE static enum status csvmap_honest(const struct csvmap_reader *reader,
                                          const struct csvmap_feature *feature)
{
    for (size_t c = 0; reader->map->label != NULL && c < feature->count; c++)
        if (strcmp(feature->columns[c], reader->map->label) == 0)
            return diag_at_path(reader->reterr, STATUS_CONFIG, "features",
                                "\"%s\" gives the label away: it is the column %s", feature->name,
                                reader->map->label);
    return STATUS_OK;
}

MUST_USE static enum status csvmap_features(const struct csvmap_reader *reader,
                                            const struct yamldoc_node *columns)
{
    struct csvmap *map = reader->map;
    const struct schema *schema = reader->schema;
    if (columns != NULL && columns->kind != YAMLDOC_MAP)
        return csvmap_fault(reader, columns, "columns", "is not a map from features to columns");
    for (size_t i = 0; columns != NULL && !reader->model && i < columns->count; i++)
        if (schema_find(schema, columns->keys[i]->text.data) == NULL)
            return csvmap_fault(reader, columns->keys[i], columns->keys[i]->text.data,
                                "is no feature");
    map->features = calloc(schema->count, sizeof(*map->features));
    if (map->features == NULL)
        return csvmap_no_memory(reader);
    map->feature_count = schema->count;
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_feature *of = &schema->features[i];
        const struct yamldoc_node *node = columns == NULL ? NULL : yamldoc_get(columns, of->name);
        if (of->kind == SCHEMA_CROSS || of->source != SCHEMA_SENT) {
            if (node != NULL)
                return csvmap_fault(reader, node, of->name, "is not read: it has no column");
            continue;
        }
        map->features[i].name = strdup(of->name);
        if (map->features[i].name == NULL)
            return csvmap_no_memory(reader);
        TRY(csvmap_feature(reader, of, node, &map->features[i]));
        TRY(csvmap_honest(reader, &map->features[i]));
    }
    return STATUS_OK;
}

// The joined table and its key come together.
MUST_USE static enum status csvmap_join(const struct csvmap_reader *reader,
                                        const struct yamldoc_node *tree)
{
    char *key = NULL;
    enum status code = csvmap_name(reader, tree, "join", &key);
    if (code == STATUS_OK && (key == NULL) != (reader->join[0] == '\0'))
        code = diag_at_path(reader->reterr, STATUS_CONFIG, key == NULL ? "csv.join" : "data.join",
                            key == NULL ? "is missing: the column whose values are the keys of the "
                                          "table data.join"
                                        : "is missing: the table that csv.join is the key of");
    if (code == STATUS_OK && key != NULL)
        code = csvjoin_read(reader->join, key, csvmap_separator(reader->join), &reader->map->join,
                            reader->reterr);
    free(key);
    return code;
}

MUST_USE static enum status csvmap_read(const struct csvmap_reader *reader,
                                        const struct yamldoc_node *tree)
{
    static const char *const keys[] = {"separator", "label",   "list", "user", "time",
                                       "bid",       "columns", "join", NULL};
    struct csvmap *map = reader->map;
    if (tree != NULL && tree->kind == YAMLDOC_NULL)
        tree = NULL;
    if (tree != NULL && tree->kind != YAMLDOC_MAP)
        return csvmap_fault(reader, tree, "the tree", "is not a map");
    if (tree != NULL)
        TRY(csvmap_keys(reader, tree, keys));
    map->label = strdup("label");
    if (map->label == NULL)
        return csvmap_no_memory(reader);
    TRY(csvmap_char(reader, tree, "separator", &map->separator));
    map->separates = tree != NULL && yamldoc_get(tree, "separator") != NULL;
    TRY(csvmap_name(reader, tree, "label", &map->label));
    TRY(csvmap_name(reader, tree, "list", &map->list));
    TRY(csvmap_name(reader, tree, "user", &map->user));
    TRY(csvmap_name(reader, tree, "time", &map->time));
    TRY(csvmap_name(reader, tree, "bid", &map->bid));
    TRY(csvmap_features(reader, tree == NULL ? NULL : yamldoc_get(tree, "columns")));
    return csvmap_join(reader, tree);
}

enum status csvmap_init(struct csvmap *map, const struct yamldoc_node *tree,
                        const struct csvmap_files *files, const struct schema *schema,
                        struct diag *reterr)
{
    *map = (struct csvmap){.separator = csvmap_separator(files->data)};
    const struct csvmap_reader reader = {map,         schema,       files->tree,
                                         files->join, files->model, reterr};
    enum status code = csvmap_read(&reader, tree);
    if (code != STATUS_OK)
        csvmap_fini(map);
    return code;
}

void csvmap_fini(struct csvmap *map)
{
    for (size_t i = 0; i < map->feature_count; i++) {
        for (size_t c = 0; c < map->features[i].count; c++)
            free(map->features[i].columns[c]);
        free(map->features[i].columns);
        free(map->features[i].name);
    }
    free(map->features);
    free(map->label);
    free(map->list);
    free(map->user);
    free(map->time);
    free(map->bid);
    csvjoin_free(map->join);
    *map = (struct csvmap){0};
}

struct csvmap csvmap_of_file(const struct csvmap *map, const char *path)
{
    struct csvmap view = *map;
    if (!map->separates)
        view.separator = csvmap_separator(path);
    return view;
}

static uint64_t csvmap_hash_text(uint64_t hash, const char *text)
{
    return text == NULL ? hash64("", 0, hash) : hash64(text, strlen(text) + 1, hash);
}

uint64_t csvmap_hash(const struct csvmap *map)
{
    if (map == NULL)
        return 0;
    const char *const names[] = {map->label, map->list, map->user, map->time, map->bid};
    uint64_t hash = hash64(&map->separator, 1, map->feature_count);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        hash = csvmap_hash_text(hash, names[i]);
    for (size_t i = 0; i < map->feature_count; i++) {
        const struct csvmap_feature *feature = &map->features[i];
        hash = csvmap_hash_text(hash, feature->name);
        hash = hash64(&feature->split, 1, hash);
        hash = hash64(&feature->count, sizeof(feature->count), hash);
        for (size_t c = 0; c < feature->count; c++)
            hash = csvmap_hash_text(hash, feature->columns[c]);
    }
    hash = csvmap_hash_text(hash, map->join == NULL ? NULL : csvjoin_on(map->join));
    const uint64_t joined = map->join == NULL ? 0 : csvjoin_hash(map->join);
    hash = hash64(&joined, sizeof(joined), hash);
    return hash == 0 ? 1 : hash;
}

char csvmap_separator(const char *path)
{
    const size_t size = strlen(path);
    const bool tabs = (size > 4 && strcmp(path + size - 4, ".tsv") == 0) ||
                      (size > 7 && strcmp(path + size - 7, ".tsv.gz") == 0);
    return tabs ? '\t' : ',';
}
