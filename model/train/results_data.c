#include "model/train/results_data.h"

#include "base/buf.h"

#include <stdbool.h>

enum { DATA_BYTES = 1 << 16 };

// The member of a map as text, nothing if it is not there.
MUST_USE static enum status data_member(const struct json_value *map, const char *key,
                                        struct buf *out)
{
    const struct json_value *value = json_value_get(map, key);
    return value == NULL ? STATUS_OK : json_value_write(value, 0, out);
}

// What all runs must share. Not the counts of training and validation: where validation is a part
// of the training lists, every seed has its own part.
MUST_USE static enum status data_compare(const struct json_value *a, const struct json_value *b,
                                         bool *ret_same)
{
    static const char *const keys[] = {"hash", "test_hash", "columns", "privileged", "test"};
    struct buf texts[2];
    enum status code = STATUS_OK;
    buf_init(&texts[0], DATA_BYTES);
    buf_init(&texts[1], DATA_BYTES);
    *ret_same = true;
    for (size_t k = 0; k < sizeof(keys) / sizeof(*keys) && code == STATUS_OK; k++) {
        buf_clear(&texts[0]);
        buf_clear(&texts[1]);
        code = data_member(a, keys[k], &texts[0]);
        if (code == STATUS_OK)
            code = data_member(b, keys[k], &texts[1]);
        *ret_same = *ret_same && span_equal(buf_view(&texts[0]), buf_view(&texts[1]));
    }
    buf_fini(&texts[0]);
    buf_fini(&texts[1]);
    return code;
}

MUST_USE static enum status data_copy(const struct json_value *data, struct json_value **ret_copy)
{
    struct buf text;
    buf_init(&text, DATA_BYTES);
    enum status code = json_value_write(data, 0, &text);
    if (code == STATUS_OK)
        code = json_value_parse(buf_view(&text), ret_copy, NULL);
    buf_fini(&text);
    return code;
}

enum status results_data_take(struct json_value **first, const struct json_value *data,
                              struct diag *reterr)
{
    bool same = true;
    enum status code = STATUS_OK;
    if (json_value_kind(data) != JSON_VALUE_MAP)
        return diag_at_path(reterr, STATUS_CORRUPT, "data", "expected a map");
    if (*first == NULL)
        code = data_copy(data, first);
    else
        code = data_compare(data, *first, &same);
    if (code != STATUS_OK)
        return diag_at_path(reterr, code, "data", "cannot be read: %s", status_text(code));
    if (!same)
        return diag_at_path(reterr, STATUS_CORRUPT, "data",
                            "was measured on other data than the runs before");
    return STATUS_OK;
}
