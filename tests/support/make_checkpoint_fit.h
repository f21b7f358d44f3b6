// What training would have fitted, for checkpoints of tests: edges of quantile buckets, mean and
// scale, vocabularies.
#pragma once

#include "model/checkpoint.h"

// Bucketed numbers get the edges -1, 0, 1, ... (2 fewer than quantiles, at least one); standardised
// ones mean 0.5 and scale 2; vocabularies the ids "apple", "pear", "fig". Sizes the tables.
MUST_USE enum status make_checkpoint_fit(struct checkpoint *checkpoint, struct diag *reterr);
