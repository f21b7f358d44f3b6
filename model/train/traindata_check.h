// Whether a method can learn from the data, beyond what the configuration tells.
#pragma once

#include "model/train/traindata.h"

// Warns of each id and bucketed number that no page has: often a name that is not the log's.
void traindata_check_features(const struct traindata *data);
// STATUS_CONFIG: the method compares the documents of a list, and no list that teaches has two. The
// option `key` names the method.
MUST_USE enum status traindata_check_lists(const struct traindata *data,
                                           const struct method *method, const char *key,
                                           struct diag *reterr);
