#include "model/train/traindata_check.h"

#include "base/log.h"

#include <math.h>
#include <stdlib.h>

// Whether a cell of the feature holds something: an id, or a bucketed number.
static bool traindata_check_cell(const struct schema_feature *feature, union row_cell cell)
{
    return schema_has_ids(feature) ? cell.id != 0 : !isnan(cell.number);
}

// Looks for the feature in a list; its first cell tells.
static bool traindata_check_in(const struct dataset *dataset, const struct schema_feature *feature,
                               size_t list)
{
    if (schema_in_shared_cells(feature))
        return traindata_check_cell(feature, dataset_shared(dataset, list)[feature->offset]);
    const union row_cell *rows = dataset_rows(dataset, list);
    const uint64_t docs = dataset->offset[list + 1] - dataset->offset[list];
    for (uint64_t i = 0; i < docs; i++)
        if (traindata_check_cell(feature, rows[i * dataset->columns + feature->offset]))
            return true;
    return false;
}

void traindata_check_features(const struct traindata *data)
{
    const struct dataset *train = &data->train;
    for (size_t f = 0; train->schema != NULL && f < train->schema->count; f++) {
        const struct schema_feature *feature = &train->schema->features[f];
        bool found = feature->kind == SCHEMA_DENSE && feature->quantiles == 0;
        for (size_t i = 0; !found && i < data->list_count; i++)
            found = traindata_check_in(train, feature, data->lists[i]);
        if (!found)
            LOG_EVENT(LOG_WARN,
                      "a feature has no value in any page that teaches: is its name right?",
                      LOG_S("feature", feature->name));
    }
}

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
