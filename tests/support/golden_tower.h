// Towers of the golden files as struct net_train: parameters and statistics in, and compared.
//
// Trees: params {"hidden": [{"W", "b"} or {"W", "gamma", "beta"}], "out": {"W", "b"}}, statistics
// {"input": {"mean", "var"} or null, "hidden": [the same]}.
#pragma once

#include "model/train/net_train.h"
#include "tests/support/golden.h"

#include <stdbool.h>

// Widths and kind from the params tree; rate, masks and sizes are the caller's.
struct net_train_config golden_tower_config(const struct golden_case *c,
                                            const struct json_value *params, bool input_bn,
                                            size_t max_rows);
void golden_tower_set_params(const struct golden_case *c, const struct json_value *params,
                             struct net_train *net);
void golden_tower_set_stats(const struct golden_case *c, const struct json_value *stats,
                            struct net_train *net);
// `values` in the form of net_train_values: parameters, gradients.
void golden_tower_is_params(const struct golden_case *c, const struct json_value *params,
                            const struct net_train *net, const float *values);
void golden_tower_is_stats(const struct golden_case *c, const struct json_value *stats,
                           struct net_train *net);
