// The head of results.json: which experiment, which data.
#pragma once

#include "model/train/results_table.h"

// Sets "format", "name", "title", "data", "network", "seeds", "search_seed", "configuration". A
// tree that could not be made breaks `root`.
void results_head_set(const struct experiment *experiment, const struct results_table *table,
                      struct json_value *root);
