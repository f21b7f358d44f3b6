// Numbers of results.json as people read them in a table.
#pragma once

#include "base/buf.h"
#include "proto/json_value.h"

#include <stdbool.h>

// Members of a tree that results_collect made: NULL or NaN for what is not there or null.
const struct json_value *results_cell_at(const struct json_value *map, const char *key);
double results_cell_number(const struct json_value *map, const char *key);
const char *results_cell_text(const struct json_value *map, const char *key); // "" if none
bool results_cell_true(const struct json_value *map, const char *key);

// All append. "-" for NaN.
void results_cell_fixed(struct buf *out, double value, int digits);
void results_cell_signed(struct buf *out, double value, int digits); // "+0.12", "-0.12"
void results_cell_short(struct buf *out, double value);              // shortest form
// "0.4312 ± 0.0003", without an interval "0.4312".
void results_cell_mean(struct buf *out, double mean, double half, int digits);
// "+0.0012 [+0.0003, +0.0021]".
void results_cell_range(struct buf *out, double mean, double low, double high, int digits);
