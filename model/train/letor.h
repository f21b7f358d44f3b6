// LETOR / SVMlight ranking text, streamed: `grade qid:ID number:value ... # comment`, a document a
// line.
//
// Rules (spec/algorithm.md 6.1; design 8, LETOR):
//   - blanks and tabs separate; CRLF is tolerated; empty lines and lines that are only a comment
//   are
//     skipped; a comment begins with a '#' that begins a word;
//   - a grade is a finite number in 0..LETOR_MAX_GRADE (the gain is 2^grade); a click is grade > 0;
//   - an ID is any text without blanks, and the lines of a list stand together;
//   - feature numbers are 1..limit, in any order, each once a line; an absent feature is 0;
//   - values are decimals that fit a double (decimal.h), then clamped and cast by row_value.
// Whatever breaks a rule is an error `file:line: what`; with skip_bad = N the first N such lines
// are counted and left out instead. A line left out belongs to no list and ends none.
//
// Text comes in blocks of any size (letor_feed, letor_end) or from a file, plain or gzip
// (letor_read). Documents go to a sink in order. One thread.
#pragma once

#include "base/span.h"
#include "base/status.h"
#include "model/train/qidset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LETOR_MAX_LINE = 1 << 20, LETOR_MAX_COLUMNS = 1 << 16, LETOR_MAX_GRADE = 31 };

struct letor_doc {
    bool new_list; // the first document of a list; its name is the last one of letor_qids
    float grade;
    const float *values; // (width) valid during the call
    uint32_t width;      // the columns asked for, or the largest number so far; it never shrinks
};

// What is not STATUS_OK ends the parse and is returned as it is.
typedef enum status (*letor_sink)(void *context, const struct letor_doc *doc, struct diag *reterr);

struct letor_config {
    const char *file; // for messages; lives as long as the parser
    uint32_t columns; // largest number allowed, at most LETOR_MAX_COLUMNS; 0: that, and width grows
    uint64_t skip_bad; // how many bad lines may be left out
    letor_sink sink;
    void *context; // of the sink
};

struct letor_progress {
    void (*report)(void *context, uint64_t done_bytes, uint64_t total_bytes); // NULL: none
    void *context;
};

struct letor; // a running parse

MUST_USE enum status letor_new(const struct letor_config *config, struct letor **ret_letor);
void letor_free(struct letor *letor); // NULL is nothing

// After an error the parser may only be freed.
MUST_USE enum status letor_feed(struct letor *letor, const char *data, size_t size,
                                struct diag *reterr);
MUST_USE enum status letor_end(struct letor *letor,
                               struct diag *reterr); // a last line without '\n'
// The whole of a file: open, feed, end.
MUST_USE enum status letor_read(struct letor *letor, const char *path,
                                const struct letor_progress *progress, struct diag *reterr);

uint32_t letor_width(const struct letor *letor);   // of the documents so far
uint32_t letor_largest(const struct letor *letor); // feature number in documents so far; 0: none
const struct qidset *letor_qids(const struct letor *letor); // a name a list, in order
uint64_t letor_skipped(const struct letor *letor);
const struct diag *letor_first_skipped(const struct letor *letor); // words of the first; NULL: none
