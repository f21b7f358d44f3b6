// What every feature schema must hold to, whatever it was read from: names, limits, order, widths.
#pragma once

#include "base/span.h"
#include "model/schema.h"

enum {
    SCHEMA_RULES_MAX_WIDTH = 65536, // columns of one feature, and of all together
    SCHEMA_RULES_MAX_TABLES = 512,  // what a state file can name, whatever the features
    SCHEMA_RULES_MAX_DIN = 16,
};

// Where a feature was read: a file's line and column, or, with `file` NULL, the manifest's JSON
// path.
struct schema_rules_place {
    const char *file;
    unsigned line, column;
    const char *path;
};

// Fills reterr with the place and the words; STATUS_CONFIG for a file, STATUS_CORRUPT for a
// manifest.
enum status schema_rules_fault(const struct schema_rules_place *place, struct diag *reterr,
                               const char *format, ...) PRINTF_LIKE(3, 4);

// The texts of the enums, in enum order. Each list ends with NULL.
extern const char *const schema_rules_scopes[];
extern const char *const schema_rules_transforms[];
extern const char *const schema_rules_sources[];
extern const char *const schema_rules_kinds[];
extern const char *const schema_rules_encodes[];
extern const char *const schema_rules_pools[];

// Index of `text` in `choices`, or a fault that names `key`, the feature, and the nearest choice.
MUST_USE enum status schema_rules_choice(const struct schema_rules_place *place,
                                         const char *feature, const char *key, struct span text,
                                         const char *const *choices, unsigned *ret_index,
                                         struct diag *reterr);
MUST_USE enum status schema_rules_name(const struct schema_rules_place *place, struct span name,
                                       struct diag *reterr);
MUST_USE enum status schema_rules_key(const struct schema_rules_place *place, const char *key,
                                      const char *const *keys, struct diag *reterr);
MUST_USE enum status schema_rules_finite(const struct schema_rules_place *place,
                                         const char *feature, const char *key, const float *values,
                                         size_t count, struct diag *reterr);
// The default: a number as it is sent, brought into the raw form.
MUST_USE enum status schema_rules_fallback(const struct schema_rules_place *place,
                                           const char *feature, double number, float *ret_value,
                                           struct diag *reterr);
// One feature by itself, and against those before it in the schema (duplicate names).
MUST_USE enum status schema_rules_feature(const struct schema_rules_place *place,
                                          const struct schema *before,
                                          const struct schema_feature *feature,
                                          struct diag *reterr);

// 0 user, 1 context, 2 item and DIN, 3 privileged: the order of columns.
unsigned schema_rules_group(const struct schema_feature *feature);
// Appends the feature and takes it over, whatever comes of it. STATUS_NO_MEMORY.
MUST_USE enum status schema_rules_add(struct schema *schema, struct schema_feature *feature,
                                      struct diag *reterr);
void schema_rules_drop(struct schema_feature *feature); // frees what it owns
