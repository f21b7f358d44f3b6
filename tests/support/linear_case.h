// A data set in memory and a model of one linear layer, so that a test can state every score:
// logit = w0 * column 1 + w1 * column 3 + bias. Column 2 is not the model's.
#pragma once

#include "model/scorer.h"
#include "model/train/dataset.h"

enum { LINEAR_CASE_COLUMNS = 3 };

struct linear_case {
    struct dataset dataset;
    struct scorer scorer;
    uint64_t *offset;
    float *values, *grade;
};

// List i has docs[i] documents; values are in [-2, 2), grades 0..4, the same for equal arguments.
void linear_case_make(struct linear_case *linear, const size_t *docs, size_t lists);
void linear_case_fini(struct linear_case *linear);
double linear_case_logit(const struct linear_case *linear, size_t doc); // doc of the data set
