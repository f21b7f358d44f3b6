// Maps that are a line in the logit: temperature, Platt, offset (spec/algorithm.md 9).
//
// Each fills the map and returns NULL, or returns why the identity stands instead (static storage)
// and leaves the map alone. `points` are sorted, n >= 1.
#pragma once

#include "model/train/calibrate_fit.h"

const char *calibrate_line_temperature(const struct calibrate_point *points, size_t n,
                                       struct calibrate *map);
const char *calibrate_line_offset(const struct calibrate_point *points, size_t n,
                                  struct calibrate *map);
// On smoothed targets. STATUS_NO_MEMORY.
MUST_USE enum status calibrate_line_platt(const struct calibrate_point *points, size_t n,
                                          struct calibrate *map, const char **ret_why);
