#include "model/train/traindata_check.h"

enum status traindata_check_lists(const struct traindata *data, const struct method *method,
                                  const char *key, struct diag *reterr)
{
    const uint64_t *offset = data->train.offset;
    if (!method_is_listwise(method))
        return STATUS_OK;
    for (size_t i = 0; i < data->list_count; i++)
        if (offset[data->lists[i] + 1] - offset[data->lists[i]] > 1)
            return STATUS_OK;
    return diag_at_path(reterr, STATUS_CONFIG, key,
                        "%s: every list has one item: a list loss is 0 by definition; use base, "
                        "teacher, pointwise, pal, pridropout",
                        method->name);
}
