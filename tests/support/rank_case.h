// A small layout and a reader for tests of rank bodies. Bodies are written with ' for ".
#pragma once

#include "proto/json_read.h"

#include <stdbool.h>

enum { RANK_CASE_BODY = 1 << 16, RANK_CASE_CANDIDATES = 5 };

struct rank_case {
    struct json_reader *reader;
    struct arena arena;
    struct rank_request request;
    struct diag diag;
    char body[RANK_CASE_BODY + JSON_READ_PADDING];
    size_t size;
};

// user: age (required), hist (3, default 0.5); context: hour (default 7);
// item: f (3, required), b (default 2).
extern const struct row_layout rank_case_layout;

void rank_case_init(struct rank_case *test);
void rank_case_fini(struct rank_case *test);
// Reads what is in `body`, `size`, padded with `pad`.
enum status rank_case_read(struct rank_case *test, bool unknown_ignore, char pad);
enum status rank_case_read_text(struct rank_case *test, const char *quoted, bool unknown_ignore);
