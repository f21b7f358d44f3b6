// Measures of several models side by side, and their table for people.
#pragma once

#include "model/train/scoreset.h"

#include <stdio.h>

enum { MEASURE_MAX = 8 };

struct measure_table {
    struct {
        const char *name; // borrowed
        struct quality quality;
    } columns[MEASURE_MAX];
    size_t count;
};

// Scores the set and adds a column.
MUST_USE enum status measure_add(struct measure_table *table, const char *name,
                                 struct scoreset *set, const struct scorer *scorer,
                                 struct team *team, struct diag *reterr);
// One row a measure; "-" where it is undefined.
void measure_print(const struct measure_table *table, FILE *out);
