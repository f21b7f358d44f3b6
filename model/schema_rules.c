#include "model/schema_rules.h"

#include "base/buf.h"
#include "base/cfg.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

const char *const schema_rules_scopes[] = {
    [ROW_USER] = "user", [ROW_CONTEXT] = "context", [ROW_ITEM] = "item", NULL};
const char *const schema_rules_transforms[] = {
    [SCHEMA_NONE] = "none", [SCHEMA_LOG1P] = "log1p", NULL};
const char *const schema_rules_sources[] = {[SCHEMA_SENT] = "sent", [SCHEMA_PAGE] = "page", NULL};

enum status schema_rules_fault(const struct schema_rules_place *place, struct diag *reterr,
                               const char *format, ...)
{
    char words[sizeof reterr->words];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (place->file != NULL)
        return diag_at_line(reterr, STATUS_CONFIG, place->file, place->line, place->column, "%s",
                            words);
    return diag_at_path(reterr, STATUS_CORRUPT, place->path, "%s", words);
}

static size_t count_names(const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL)
        count++;
    return count;
}

// " (did you mean "x"?)", or nothing where no name is near.
static const char *hint(struct span word, const char *const *names, char *text, size_t size)
{
    const char *nearest = cfg_nearest(word, names, count_names(names));
    text[0] = '\0';
    if (nearest != NULL)
        snprintf(text, size, " (did you mean \"%s\"?)", nearest);
    return text;
}

enum status schema_rules_choice(const struct schema_rules_place *place, const char *feature,
                                const char *key, struct span text, const char *const *choices,
                                unsigned *ret_index, struct diag *reterr)
{
    for (unsigned i = 0; choices[i] != NULL; i++)
        if (span_is(text, choices[i])) {
            *ret_index = i;
            return STATUS_OK;
        }
    char near[64];
    struct buf all;
    buf_init(&all, 128);
    for (unsigned i = 0; choices[i] != NULL; i++)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", choices[i]);
    enum status code = schema_rules_fault(
        place, reterr, "feature \"%s\": %s \"%.*s\" is not one of %s%s", feature, key,
        (int)(text.size < 64 ? text.size : 64), text.size > 0 ? text.data : "",
        all.data != NULL ? all.data : "?", hint(text, choices, near, sizeof near));
    buf_fini(&all);
    return code;
}

enum status schema_rules_kind(const struct schema_rules_place *place, const char *feature,
                              struct span text, struct diag *reterr)
{
    static const char *const kinds[] = {"dense", NULL};
    unsigned kind = 0;
    return schema_rules_choice(place, feature, "kind", text, kinds, &kind, reterr);
}

enum status schema_rules_key(const struct schema_rules_place *place, const char *key,
                             const char *const *keys, struct diag *reterr)
{
    char near[64];
    for (size_t i = 0; keys[i] != NULL; i++)
        if (strcmp(key, keys[i]) == 0)
            return STATUS_OK;
    return schema_rules_fault(place, reterr, "unknown key \"%.64s\" of a feature%s", key,
                              hint(span_of(key), keys, near, sizeof near));
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

enum status schema_rules_name(const struct schema_rules_place *place, struct span name,
                              struct diag *reterr)
{
    bool good = name.size >= 1 && name.size <= NAME_MAX_BYTES;
    for (size_t i = 0; good && i < name.size; i++)
        good = is_name_char(name.data[i]);
    if (good && !(name.data[0] >= '0' && name.data[0] <= '9'))
        return STATUS_OK;
    return schema_rules_fault(place, reterr,
                              "feature name \"%.*s\" is not of 1 to %d letters, digits and _, the "
                              "first no digit",
                              (int)(name.size < NAME_MAX_BYTES ? name.size : NAME_MAX_BYTES),
                              name.size > 0 ? name.data : "", (int)NAME_MAX_BYTES);
}

enum status schema_rules_size(const struct schema_rules_place *place, const char *feature,
                              int64_t size, struct diag *reterr)
{
    if (size >= 1 && size <= SCHEMA_RULES_MAX_WIDTH)
        return STATUS_OK;
    return schema_rules_fault(place, reterr, "feature \"%s\": size %" PRId64 " is not in 1..%d",
                              feature, size, (int)SCHEMA_RULES_MAX_WIDTH);
}

enum status schema_rules_fallback(const struct schema_rules_place *place, const char *feature,
                                  double number, float *ret_value, struct diag *reterr)
{
    if (!isfinite(number))
        return schema_rules_fault(place, reterr, "feature \"%s\": default is not a finite number",
                                  feature);
    *ret_value = row_value(number);
    return STATUS_OK;
}

static MUST_USE enum status check_columns(const struct schema_rules_place *place,
                                          const struct schema_feature *feature, struct diag *reterr)
{
    for (uint32_t i = 0; feature->columns != NULL && i < feature->size; i++)
        if (feature->columns[i] <= (i > 0 ? feature->columns[i - 1] : 0))
            return schema_rules_fault(
                place, reterr, "feature \"%s\": columns are not ascending from 1", feature->name);
    return STATUS_OK;
}

enum status schema_rules_feature(const struct schema_rules_place *place,
                                 const struct schema *before, const struct schema_feature *feature,
                                 struct diag *reterr)
{
    if (before->count >= ROW_MAX_FIELDS)
        return schema_rules_fault(place, reterr, "there are more than %d features",
                                  (int)ROW_MAX_FIELDS);
    if (schema_find(before, feature->name) != NULL)
        return schema_rules_fault(place, reterr, "feature \"%s\" is there twice", feature->name);
    if (feature->privileged && feature->scope == ROW_USER)
        return schema_rules_fault(place, reterr,
                                  "feature \"%s\": a feature of scope user cannot be privileged",
                                  feature->name);
    if (feature->source == SCHEMA_PAGE && !feature->privileged)
        return schema_rules_fault(place, reterr,
                                  "feature \"%s\" is made from the page, so it must be privileged",
                                  feature->name);
    return check_columns(place, feature, reterr);
}

unsigned schema_rules_group(const struct schema_feature *feature)
{
    return feature->privileged ? 3 : (unsigned)feature->scope;
}

bool schema_rules_place_columns(struct schema *schema)
{
    size_t shared = 0, row = 0, privileged = 0;
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_feature *feature = &schema->features[i];
        size_t *width = schema_rules_group(feature) <= ROW_CONTEXT ? &shared : &row;
        feature->offset = (uint32_t)*width;
        *width += feature->size;
        privileged += feature->privileged ? feature->size : 0;
        if (shared + row > SCHEMA_RULES_MAX_WIDTH)
            return false;
    }
    schema->shared_width = shared;
    schema->row_width = row;
    schema->privileged_width = privileged;
    return true;
}

void schema_rules_drop(struct schema_feature *feature)
{
    free(feature->name);
    free(feature->columns);
    *feature = (struct schema_feature){0};
}

// Takes over the feature, whatever comes of it.
enum status schema_rules_add(struct schema *schema, struct schema_feature *feature,
                             struct diag *reterr)
{
    struct schema_feature *more =
        reallocarray(schema->features, schema->count + 1, sizeof *schema->features);
    if (more == NULL) {
        schema_rules_drop(feature);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a feature");
    }
    schema->features = more;
    schema->features[schema->count++] = *feature;
    return STATUS_OK;
}
