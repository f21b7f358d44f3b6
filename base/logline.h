// Lines that many threads write and a thread of its own carries to a file: nobody waits for the
// disk.
//
// Lines wait in a ring; when it is full they are dropped and counted. A rate limits how many are
// taken a second; those beyond are counted too.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logline; // owns a thread and the descriptor

// `fd` is taken over on success. `per_second` 0: no limit. STATUS_NO_MEMORY, STATUS_IO (no thread).
MUST_USE enum status logline_start(int fd, size_t ring_bytes, unsigned per_second,
                                   struct logline **ret_lines, struct diag *reterr);
void logline_stop(struct logline *lines); // writes what is in the ring first; NULL is nothing

// Any thread. May a line be written now? If not it is counted; if so the caller makes it and puts
// it.
bool logline_wanted(struct logline *lines);
void logline_put(struct logline *lines, const char *text, size_t size); // with its line end

void logline_rate(struct logline *lines, unsigned per_second);
void logline_reopen(struct logline *lines, int fd); // takes over `fd`; what waits goes there
uint64_t logline_dropped(struct logline *lines);    // the ring was full, or the write failed
uint64_t logline_limited(struct logline *lines);
