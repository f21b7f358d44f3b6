// What the features are: names, scopes, kinds, transforms, tables, who may see them (design 8).
//
// Made from YAML (training) or from a checkpoint's manifest; the manifest is the compiled form.
// A feature has cells, its raw values (proto/row.h), and columns, its part of the network's input:
//
//   dense              size cells, size columns
//   dense, quantiles   1 cell, dim columns: the number's quantile bucket is the row of a table
//   id, cross          1 cell, dim columns
//   id_list            size cells, dim columns: the sum or mean of the rows, or DIN's
//   loo_mean           no cell, dim columns: mean of the rows of the other items of the page
//
// Features stand in the order of their columns: user, context, item, then privileged ones (a
// student has none), in the order of the file inside each group. DIN depends on the target, so its
// columns are the item's, though its cells are sent once. Columns of user and context are shared
// (shared_width), the rest is a row (row_width). Cells of scope user and context, privileged ones
// behind, are the shared block (shared_cells); those of items the item row (row_cells).
#pragma once

#include "base/status.h"
#include "base/yamldoc.h"
#include "proto/json_value.h"
#include "proto/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_kind { SCHEMA_DENSE, SCHEMA_ID, SCHEMA_ID_LIST, SCHEMA_CROSS };
enum schema_transform { SCHEMA_NONE, SCHEMA_LOG1P, SCHEMA_STANDARDISE };
enum schema_pool { SCHEMA_SUM, SCHEMA_MEAN, SCHEMA_DIN };
// Where the raw values come from: sent (or read) as they are, or made from the page by the trainer:
// statistics of a LETOR page (PAGE), the mean of the other items' embeddings, the share of the
// page's items that have the same id, the number of items, the place of the item from 0.
enum schema_source {
    SCHEMA_SENT,
    SCHEMA_PAGE,
    SCHEMA_LOO_MEAN,
    SCHEMA_SHARE,
    SCHEMA_PAGE_SIZE,
    SCHEMA_POSITION
};

static const uint32_t SCHEMA_NO_TABLE = UINT32_MAX, SCHEMA_NO_FEATURE = UINT32_MAX;

struct schema_feature {
    char *name;           // [A-Za-z_][A-Za-z0-9_]{0,63}
    enum row_scope scope; // user, context or item; privileged says the rest
    enum schema_kind kind;
    enum schema_transform transform;
    enum schema_source source;
    bool privileged;
    uint32_t size;     // values of a dense feature; ids that a list keeps; else 1
    uint32_t offset;   // first cell in its block
    uint32_t column;   // first column in its block (shared, or row)
    uint32_t width;    // columns
    uint32_t *columns; // (size) LETOR feature numbers, ascending; NULL where not LETOR
    bool has_default;
    float fallback;
    uint32_t quantiles;  // dense: at most so many buckets; 0: not bucketed
    float *edges;        // (edge_count) ascending; owned; fitted
    uint32_t edge_count; // row = 1 + number of edges <= x
    float *mean, *scale; // (size) standardise: (x - mean) * scale; owned; fitted; or NULL

    // Ids. A feature owns a table of its name, or shares one.
    char *table_of; // name of the owner; NULL: its own
    enum row_encode encode;
    uint32_t buckets, dim, min_count; // of its own table; 0 where it shares one
    enum schema_pool pool;
    char *target_of;   // DIN: name of the id that attends
    char *cross_of[2]; // names of the two ids
    char *page_of;     // loo_mean, share: name of the id
    // The names above as places, by schema_plan.
    uint32_t table; // SCHEMA_NO_TABLE without one
    uint32_t target, cross[2], of;
};

struct schema_table {
    const char *name; // of its owner
    uint32_t owner;   // feature
    uint32_t dim;
    enum row_encode encode;
    uint32_t buckets, min_count;
    const struct vocab *vocab; // borrowed; fitted
    size_t rows;               // row 0 among them; of what is fitted 0 until schema_size_tables
};

struct schema {
    struct schema_feature *features;
    size_t count;
    struct schema_table *tables;
    size_t table_count;
    size_t shared_cells, row_cells;
    size_t shared_width, row_width; // columns
    size_t privileged_width;        // the last columns of a row; 0 in a student
};

// `features:` of a training configuration. Errors name line, column and feature.
MUST_USE enum status schema_from_yaml(const struct yamldoc_node *features, const char *file,
                                      struct schema *ret_schema, struct diag *reterr);
// The manifest's "features" list, and back. Reading checks everything again: the file is foreign.
// Edges and vocabularies are not in it: whoever has them sets them and calls schema_size_tables.
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
uint32_t schema_find_table(const struct schema *schema, const char *name); // or SCHEMA_NO_TABLE

// Cells of a feature, and in which block cells and columns stand.
uint32_t schema_cells(const struct schema_feature *feature);
bool schema_in_shared_cells(const struct schema_feature *feature);
bool schema_in_shared_columns(const struct schema_feature *feature);
bool schema_is_din(const struct schema_feature *feature);
// Its cells are rows of a table, not numbers.
bool schema_has_ids(const struct schema_feature *feature);
// Tables of a mean of others have the ids, and so the vocabulary, of the table that it is a mean
// of.
void schema_share_vocabs(struct schema *schema);
// The rows of every table, now that edges and vocabularies are there. STATUS_TOO_LARGE.
MUST_USE enum status schema_size_tables(struct schema *schema, struct diag *reterr);

// The layout for json_read. `fields` and `crosses` hold schema->count entries each and borrow the
// names; vocabularies must be set.
void schema_layout(const struct schema *schema, struct row_field *fields, struct row_cross *crosses,
                   struct row_layout *ret_layout);
