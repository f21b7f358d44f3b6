// Measures of several models side by side, and their table for people.
#pragma once

#include "model/train/worth.h"

#include <stdbool.h>
#include <stdio.h>

enum { MEASURE_MAX = 8 };

struct measure_table {
    struct {
        const char *name; // borrowed
        struct quality quality;
        bool has_worth; // the truth is known
        struct worth worth;
    } columns[MEASURE_MAX];
    size_t count;
};

// Scores the set and adds a column.
MUST_USE enum status measure_add(struct measure_table *table, const char *name,
                                 struct scoreset *set, const struct scorer *scorer,
                                 struct team *team, struct diag *reterr);
// The worth of the column that was added last. Of the columns that have one, all have money or
// none.
void measure_add_worth(struct measure_table *table, const struct worth *worth);
// A column's measures, all of them. The caller frees.
struct json_value *measure_to_json(const struct measure_table *table, size_t column);
// One row a measure; "-" where it is undefined.
void measure_print(const struct measure_table *table, FILE *out);
