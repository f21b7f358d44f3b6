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
    [SCHEMA_NONE] = "none", [SCHEMA_LOG1P] = "log1p", [SCHEMA_STANDARDISE] = "standardise", NULL};
const char *const schema_rules_sources[] = {[SCHEMA_SENT] = "sent",
                                            [SCHEMA_PAGE] = "page",
                                            [SCHEMA_LOO_MEAN] = "loo_mean",
                                            [SCHEMA_SHARE] = "share",
                                            [SCHEMA_PAGE_SIZE] = "page_size",
                                            [SCHEMA_POSITION] = "position",
                                            NULL};

const char *const schema_rules_encodes[] = {
    [ROW_HASH] = "hash", [ROW_IDENTITY] = "identity", [ROW_VOCAB] = "vocab", NULL};
const char *const schema_rules_pools[] = {
    [SCHEMA_SUM] = "sum", [SCHEMA_MEAN] = "mean", [SCHEMA_DIN] = "din", NULL};
const char *const schema_rules_kinds[] = {[SCHEMA_DENSE] = "dense",
                                          [SCHEMA_ID] = "id",
                                          [SCHEMA_ID_LIST] = "id_list",
                                          [SCHEMA_CROSS] = "cross",
                                          NULL};

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

enum status schema_rules_fallback(const struct schema_rules_place *place, const char *feature,
                                  double number, float *ret_value, struct diag *reterr)
{
    if (!isfinite(number))
        return schema_rules_fault(place, reterr, "feature \"%s\": default is not a finite number",
                                  feature);
    *ret_value = row_value(number);
    return STATUS_OK;
}

enum status schema_rules_finite(const struct schema_rules_place *place, const char *feature,
                                const char *key, const float *values, size_t count,
                                struct diag *reterr)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return schema_rules_fault(place, reterr, "feature \"%s\": %s %zu is not finite",
                                      feature, key, i);
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

static MUST_USE enum status check_source(const struct schema_rules_place *place,
                                         const struct schema_feature *feature, struct diag *reterr)
{
    const bool is_id = feature->kind == SCHEMA_ID;
    if (feature->source == SCHEMA_SENT)
        return STATUS_OK;
    if (!feature->privileged || feature->scope != ROW_ITEM)
        return schema_rules_fault(
            place, reterr,
            "feature \"%s\" is made from the page, so it must be privileged, of scope item",
            feature->name);
    if ((feature->source == SCHEMA_LOO_MEAN) != is_id && feature->source != SCHEMA_POSITION)
        return schema_rules_fault(place, reterr, "feature \"%s\": source %s is of kind %s",
                                  feature->name, schema_rules_sources[feature->source],
                                  is_id ? "dense" : "id");
    if (feature->source == SCHEMA_POSITION && is_id &&
        (feature->table_of != NULL || feature->encode != ROW_IDENTITY))
        return schema_rules_fault(
            place, reterr, "feature \"%s\": a position is an id of encode identity", feature->name);
    if (feature->quantiles > 0 || feature->transform == SCHEMA_STANDARDISE ||
        feature->has_default || (feature->size != 1 && feature->source != SCHEMA_PAGE))
        return schema_rules_fault(place, reterr,
                                  "feature \"%s\" is one number made from the page, without "
                                  "quantiles, standardise or default",
                                  feature->name);
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
    if (feature->quantiles > 0 && (feature->size != 1 || feature->transform != SCHEMA_NONE))
        return schema_rules_fault(place, reterr,
                                  "feature \"%s\": quantiles are of one number, untransformed",
                                  feature->name);
    TRY(check_source(place, feature, reterr));
    return check_columns(place, feature, reterr);
}

unsigned schema_rules_group(const struct schema_feature *feature)
{
    if (feature->privileged)
        return 3;
    return schema_is_din(feature) ? (unsigned)ROW_ITEM : (unsigned)feature->scope;
}

void schema_rules_drop(struct schema_feature *feature)
{
    free(feature->name);
    free(feature->columns);
    free(feature->edges);
    free(feature->mean);
    free(feature->scale);
    free(feature->table_of);
    free(feature->target_of);
    free(feature->cross_of[0]);
    free(feature->cross_of[1]);
    free(feature->page_of);
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
