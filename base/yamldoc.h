// YAML as a tree of nodes with places. The one door to libyaml.
//
// Refused: anchors and aliases, tags, several documents, duplicate keys, keys that are not scalars,
// empty keys, depth over YAMLDOC_MAX_DEPTH (STATUS_INVALID with line and column), text over the
// limit (STATUS_TOO_LARGE). Scalars stay text, UTF-8 without NUL; a plain (unquoted) null, ~ or
// nothing at all is a YAMLDOC_NULL. Nodes live as long as the document and are immutable.
#pragma once

#include "base/span.h"
#include "base/status.h"

#include <stddef.h>

enum { YAMLDOC_MAX_DEPTH = 16, YAMLDOC_MAX_BYTES = 1 << 20 };

enum yamldoc_kind { YAMLDOC_NULL, YAMLDOC_SCALAR, YAMLDOC_LIST, YAMLDOC_MAP };

struct yamldoc_node {
    enum yamldoc_kind kind;
    struct span text;                        // of a scalar; terminated
    bool quoted;                             // '…' or "…": a string whatever it looks like
    unsigned line, column;                   // from 1
    size_t count;                            // items of a list, pairs of a map
    const struct yamldoc_node *const *items; // of a list; values of a map
    const struct yamldoc_node *const *keys;  // of a map, same order
};

struct yamldoc; // owns all nodes

// `name` is for messages (a file name, "--set").
MUST_USE enum status yamldoc_parse(struct span text, const char *name, struct yamldoc **ret_doc,
                                   struct diag *reterr);
MUST_USE enum status yamldoc_read(const char *path, struct yamldoc **ret_doc, struct diag *reterr);
void yamldoc_free(struct yamldoc *doc);
// `child` is freed with `doc` from now on.
void yamldoc_adopt(struct yamldoc *doc, struct yamldoc *child);
const struct yamldoc_node *yamldoc_root(const struct yamldoc *doc); // NULL: an empty document
const struct yamldoc_node *yamldoc_get(const struct yamldoc_node *map, const char *key); // or NULL
const char *yamldoc_name(const struct yamldoc *doc);
