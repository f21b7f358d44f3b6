// What the features are: names, scopes, kinds, transforms, who may see them (design 8).
//
// Made from YAML (training) or from a checkpoint's manifest; the manifest is the compiled form.
// Features stand in network-column order: user, context, item, then privileged ones (a student has
// none), in the order of the file inside each group. A width-w dense feature takes w columns, raw
// and transformed alike, so a raw block and its network input have the same shape:
//   shared block (shared_width) = user + context;  a row (row_width) = item + privileged.
#pragma once

#include "base/status.h"
#include "base/yamldoc.h"
#include "proto/json_value.h"
#include "proto/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_transform { SCHEMA_NONE, SCHEMA_LOG1P };
// Where the raw values come from: sent (or read) as they are, or made from the page by the trainer.
enum schema_source { SCHEMA_SENT, SCHEMA_PAGE };

struct schema_feature {
    char *name; // [A-Za-z_][A-Za-z0-9_]{0,63}
    enum row_scope scope;
    enum row_kind kind;
    enum schema_transform transform;
    enum schema_source source;
    bool privileged;
    uint32_t size;
    uint32_t offset;   // first column in its block (shared block, or row)
    uint32_t *columns; // (size) LETOR feature numbers, ascending; NULL where not LETOR
    bool has_default;
    float fallback;
};

struct schema {
    struct schema_feature *features;
    size_t count;
    size_t shared_width, row_width;
    size_t privileged_width; // the last columns of a row; 0 in a student
};

// `features:` of a training configuration. Errors name line, column and feature.
MUST_USE enum status schema_from_yaml(const struct yamldoc_node *features, const char *file,
                                      struct schema *ret_schema, struct diag *reterr);
// The manifest's "features" list, and back. Reading checks everything again: the file is foreign.
MUST_USE enum status schema_from_json(const struct json_value *features, struct schema *ret_schema,
                                      struct diag *reterr);
struct json_value *schema_to_json(const struct schema *schema);
void schema_fini(struct schema *schema);

// LETOR: the feature `f` of the columns 1..column_count that are not privileged, `f_priv` of those
// that are, and (page_context) `page` of 2 * size(f) + 1 values made by model/train/pagectx.
MUST_USE enum status schema_letor(uint32_t column_count, const uint32_t *privileged,
                                  size_t privileged_count, bool page_context,
                                  enum schema_transform transform, struct schema *ret_schema,
                                  struct diag *reterr);
// The same without anything privileged: what a student sees of a teacher's schema.
MUST_USE enum status schema_student(const struct schema *schema, struct schema *ret_student,
                                    struct diag *reterr);
bool schema_has_privileged(const struct schema *schema);
const struct schema_feature *schema_find(const struct schema *schema, const char *name);

// The layout for json_read. `fields` holds schema->count entries and borrows the names.
void schema_layout(const struct schema *schema, struct row_field *fields,
                   struct row_layout *ret_layout);
