// Which column of a table holds what: the tree `csv` of a configuration.
//
//   csv:
//     separator: ","           # one character; without it, a comma, or a tab for .tsv
//     label: click             # without it, the column "label"
//     list: page               # lines of one list stand together; without it, every line is a list
//     user: session            # whose bytes group GAUC; without it, none
//     time: ts                 # whole seconds; without it, none
//     bid: price               # without it, none
//     columns:                 # a feature that is not named here has a column of its own name
//       item: item_id
//       history: {column: seen, split: "|"}     # a list of ids in one column
//       affinity: {prefix: user-item_affinity_} # PREFIX0, PREFIX1, ... as many as its size
//       pair: [first, second]                   # the same, by name
//     join: item_id            # the key by which the table data.join has what the logs have not
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "base/yamldoc.h"
#include "model/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csvjoin;

struct csvmap_feature {
    char *name;     // of the feature; NULL: it is not read
    char **columns; // (count) names, one a value; of a list of ids one
    size_t count;
    char split; // of a list of ids
};

struct csvmap {
    char separator;
    bool separates;                         // the tree says so, not the ending of the file
    char *label, *list, *user, *time, *bid; // NULL: none
    struct csvmap_feature *features;        // (feature_count)
    size_t feature_count;
    struct csvjoin *join; // NULL: none
};

struct csvmap_files {
    const char *tree; // where the tree stands, for messages
    const char *data; // its ending says what separates, unless the tree does
    const char *join; // joined table; "": none
    bool model;       // the schema is a model's, which may lack features that the tree names
};

// `tree` may be NULL: columns are named like the features. Faults name place and key. Features of
// `schema` that are not read from the data have no column.
MUST_USE enum status csvmap_init(struct csvmap *map, const struct yamldoc_node *tree,
                                 const struct csvmap_files *files, const struct schema *schema,
                                 struct diag *reterr);
void csvmap_fini(struct csvmap *map);
// A view for another file, whose ending says what separates unless the tree does: not to be freed.
struct csvmap csvmap_of_file(const struct csvmap *map, const char *path);
// Of all that decides what is read of a line, the joined table too; not 0. NULL, no table: 0.
uint64_t csvmap_hash(const struct csvmap *map);
// By the ending of a data file: a tab for .tsv and .tsv.gz, else a comma.
char csvmap_separator(const char *path);
