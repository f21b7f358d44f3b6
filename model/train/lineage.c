#include "model/train/lineage.h"

#include "model/safetensors.h"

#include <stdbool.h>
#include <stdio.h>

const char *lineage_hash(uint64_t hash, char text[LINEAGE_HASH_TEXT])
{
    snprintf(text, LINEAGE_HASH_TEXT, "%016llx", (unsigned long long)hash);
    return text;
}

static const struct json_value *named_hash(const struct json_value *root, const char *key)
{
    const struct json_value *data = json_value_get(root, "data");
    const struct json_value *hash = data == NULL ? NULL : json_value_get(data, key);
    return hash != NULL && json_value_kind(hash) == JSON_VALUE_TEXT ? hash : NULL;
}

enum lineage_role lineage_role_of(const char *lineage, uint64_t lists_hash)
{
    struct json_value *root;
    if (lineage == NULL || json_value_parse(span_of(lineage), &root, NULL) != STATUS_OK)
        return LINEAGE_UNKNOWN;
    char text[LINEAGE_HASH_TEXT];
    lineage_hash(lists_hash, text);
    const struct json_value *train = named_hash(root, "train_lists"),
                            *valid = named_hash(root, "valid_lists");
    enum lineage_role role = train != NULL ? LINEAGE_UNSEEN : LINEAGE_UNKNOWN;
    if (train != NULL && span_is(json_value_text(train), text))
        role = LINEAGE_TRAINING;
    else if (valid != NULL && span_is(json_value_text(valid), text))
        role = LINEAGE_VALIDATION;
    json_value_free(root);
    return role;
}

enum status lineage_extend(const char *lineage, const char *key, struct json_value *child,
                           char **ret_lineage, struct diag *reterr)
{
    struct json_value *root = NULL;
    enum status code = json_value_parse(span_of(lineage != NULL ? lineage : "{}"), &root, reterr);
    if (code != STATUS_OK) {
        json_value_free(child);
        return code;
    }
    json_value_set(root, key, child);
    struct buf text;
    buf_init(&text, SAFETENSORS_MAX_HEADER);
    code = json_value_write(root, 0, &text);
    json_value_free(root);
    char *extended = code == STATUS_OK ? buf_detach(&text) : NULL;
    buf_fini(&text);
    if (extended == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the lineage");
    *ret_lineage = extended;
    return STATUS_OK;
}
