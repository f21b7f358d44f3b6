// results.md: the paper's table and what else an experiment shows, of results.json (results.h).
#pragma once

#include "base/buf.h"
#include "proto/json_value.h"

// `results` is the tree that results_collect makes. Appends; a failed append stays in `out`.
void results_markdown(const struct json_value *results, struct buf *out);
