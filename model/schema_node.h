// One feature as it stands in a file: the same reading for a configuration's YAML and a manifest's
// JSON, so that there is one list of keys and one set of rules.
#pragma once

#include "base/yamldoc.h"
#include "model/schema_rules.h"
#include "proto/json_value.h"

// A map; one of yaml and json is set.
struct schema_node {
    const struct yamldoc_node *yaml;
    const struct json_value *json;
    struct schema_rules_place place; // of the map
    const char *feature;             // its name for messages, "?" until it is known
};

// Every key is one of `keys`, which ends with NULL.
MUST_USE enum status schema_node_keys(const struct schema_node *node, const char *const *keys,
                                      struct diag *reterr);
bool schema_node_has(const struct schema_node *node, const char *key);
// Where the value of `key` stands, for faults.
struct schema_rules_place schema_node_place(const struct schema_node *node, const char *key);
// The readers fault where the key is absent or its value of another kind.
MUST_USE enum status schema_node_text(const struct schema_node *node, const char *key,
                                      struct span *ret_text, struct diag *reterr);
MUST_USE enum status schema_node_choice(const struct schema_node *node, const char *key,
                                        const char *const *choices, unsigned *ret_index,
                                        struct diag *reterr);
MUST_USE enum status schema_node_int(const struct schema_node *node, const char *key, int64_t min,
                                     int64_t max, uint32_t *ret_number, struct diag *reterr);
MUST_USE enum status schema_node_number(const struct schema_node *node, const char *key,
                                        double *ret_number, struct diag *reterr);
MUST_USE enum status schema_node_bool(const struct schema_node *node, const char *key,
                                      bool *ret_flag, struct diag *reterr);
// A copy of a text that is a feature's name. The caller frees.
MUST_USE enum status schema_node_name(const struct schema_node *node, const char *key,
                                      char **ret_name, struct diag *reterr);
// A list of exactly two names. The caller frees each.
MUST_USE enum status schema_node_pair(const struct schema_node *node, const char *key,
                                      char *ret_names[2], struct diag *reterr);
