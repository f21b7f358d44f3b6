// Whether the runs of a comparison were trained and measured on the same data.
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

// `data` is the member "data" of a run.json. *first is the one kept so far, NULL at the beginning:
// then it becomes a copy, which the caller frees. STATUS_CORRUPT if they differ.
MUST_USE enum status results_data_take(struct json_value **first, const struct json_value *data,
                                       struct diag *reterr);
