// GET /v1/schema: the JSON Schema (draft 2020-12) of a body of POST /v1/rank for one version of a
// model: which features stand where, of what kind and size, what may be missing, and the training
// ranges.
//
// What the daemon refuses and a schema cannot say: a name or a candidate's id that stands twice,
// text of more than 256 bytes in fewer characters, a whole number written 1.0, a text of digits
// beyond the buckets of an id. Members x-... are for people and clients and refuse nothing:
//
//   x-kind      dense, id or id_list
//   x-missing   what an absent or null value does: "error", "default" (the member `default` says
//               it), "unknown" (a bucket or table row of its own), "empty" (of a list)
//   x-keeps     id_list: the newest so many ids count
//   x-training-range   {"low": [...], "high": [...]} of each raw value in the training data
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "model/checkpoint.h"

#include <stddef.h>
#include <stdint.h>

// Appends the text. max_candidates: the most that a request may have. STATUS_NO_MEMORY,
// STATUS_TOO_LARGE (of `out`).
MUST_USE enum status schema_json_write(const struct checkpoint *checkpoint, size_t max_candidates,
                                       const char *model, uint64_t version, struct buf *out);
