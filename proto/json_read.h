// Fast JSON in and fast numbers out: the one door to simdjson, and the only C++ file behind it.
// Strict: keys that are known are refused the second time, everything that is skipped is validated
// (but for its duplicate keys, and for what limits.bids_only passes over), depth <= 32, UTF-8
// checked, numbers in the JSON grammar and finite. No exception leaves it.
#pragma once

#include "base/status.h"
#include "proto/rank.h"
#include "proto/record.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_READ_PADDING = 64 }; // bytes readable behind every body (>= SIMDJSON_PADDING)

struct json_reader; // parser memory, reused; one thread

struct json_reader *json_read_new(size_t max_body_bytes); // NULL: no memory
void json_read_free(struct json_reader *reader);

// body[size .. size + JSON_READ_PADDING) must be readable. On failure `reterr->path` is the JSON
// path ("candidates[3].features.f[12]") and the words say what was expected and what was found.
// STATUS_INVALID, STATUS_TOO_LARGE (candidates, arena).
MUST_USE enum status json_read_rank(struct json_reader *reader, const char *body, size_t size,
                                    const struct row_layout *layout,
                                    const struct rank_limits *limits, struct arena *arena,
                                    struct rank_request *ret_request, struct diag *reterr);

// A line of training data; line.data[line.size .. line.size + JSON_READ_PADDING) must be readable,
// and may be the next line. Fields that are no feature are counted and told (record.h). The same
// failures; the caller knows file and line.
MUST_USE enum status json_read_record(struct json_reader *reader, struct span line,
                                      const struct row_layout *layout,
                                      const struct record_limits *limits, struct arena *arena,
                                      struct record *ret_record, struct diag *reterr);

// Shortest decimal that reads back to the same value; 32 bytes are enough. Returns the end. `x` is
// finite.
char *json_read_print_float(char *text, float x);
char *json_read_print_double(char *text, double x);

#ifdef __cplusplus
}
#endif
