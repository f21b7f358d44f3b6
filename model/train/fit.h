// Numbers that are learnt from training data before a network sees them: the edges of quantile
// buckets, mean and scale of what is standardised.
#pragma once

#include "model/schema.h"
#include "model/train/dataset.h"

// Gives the features of `schema` what they lack of that; what they have stays. `lists` (count) are
// those to learn from; of a shared feature a list counts once, else every document. Missing values
// of a bucketed feature do not count.
//
// Edges: of n sorted values edge k (1 .. quantiles - 1) is value number floor(k n / quantiles);
// equal ones, and such as nothing lies below, are left out. Beyond FIT_SAMPLE values a sample, the
// same for the same data. Mean and scale 1 / deviation (of the population) in double, two passes;
// of a feature with one value the scale is 1, which is logged. STATUS_CONFIG names a bucketed
// feature of fewer than two values; STATUS_NO_MEMORY.
enum { FIT_SAMPLE = 1 << 20 };
MUST_USE enum status fit_numbers(const struct dataset *dataset, const uint32_t *lists, size_t count,
                                 struct schema *schema, struct diag *reterr);
