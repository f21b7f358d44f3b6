// history.jsonl of a run: one JSON object a line, flushed as it is written; cut back on --resume to
// what the saved state knows of, so that nothing stands twice.
#pragma once

#include "base/status.h"
#include "proto/json_value.h"

#include <stdint.h>

struct history {
    int fd; // -1: closed
    char *path;
    uint64_t bytes; // written so far
};

// Opens or creates; cuts the file to `keep_bytes` (0: starts anew). A shorter file is
// STATUS_CORRUPT.
MUST_USE enum status history_open(const char *path, uint64_t keep_bytes,
                                  struct history *ret_history, struct diag *reterr);
// Appends one line and takes over `line`.
MUST_USE enum status history_write(struct history *history, struct json_value *line,
                                   struct diag *reterr);
// Waits until the lines are on the disk.
MUST_USE enum status history_sync(struct history *history, struct diag *reterr);
void history_close(struct history *history);
