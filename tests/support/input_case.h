// A minibatch of ids, lists, buckets and pages for tests of the input that learns: the same for
// equal features.
#pragma once

#include "model/schema.h"
#include "model/train/minibatch.h"

enum { INPUT_CASE_LISTS = 5, INPUT_CASE_ROWS = 13 };

struct input_case {
    struct schema schema; // edges -0.5, 0.5; vocabularies are not fitted
    struct minibatch batch;
    union row_cell *shared, *cells;
    uint64_t offset[INPUT_CASE_LISTS + 1];
    float label[INPUT_CASE_ROWS];
};

// Lists of 3, 1, 4, 2 and 3 documents. A fifth of the ids and bucketed numbers are missing; lists
// of ids have every length, and in list 1 none has an id.
void input_case_init(struct input_case *test, const char *yaml);
void input_case_fini(struct input_case *test);
