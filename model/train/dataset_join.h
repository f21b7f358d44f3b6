// Explicit binary shards (`ctr convert`) as one data set.
#pragma once

#include "model/train/dataset.h"
#include "model/train/shards.h"

// Images one after another, in the order of the shards. Cells stay mapped; of each list and
// document a few bytes are put together in memory if there are several. All must have the same
// encodings. With options->schema they must cover it: else STATUS_CONFIG says which feature differs
// and what to do. Vocabularies are those of the first.
MUST_USE enum status dataset_join(const struct shards *shards,
                                  const struct dataset_options *options,
                                  struct dataset *ret_dataset, struct diag *reterr);
