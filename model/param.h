// All trainable numbers of a network in one block, with names: an optimiser is one loop, a save one
// write.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { PARAM_MAX = 96, PARAM_NAME = 48 };

struct param_view {
    char name[PARAM_NAME]; // "hidden.0.weight"
    size_t offset;         // floats
    size_t rows, columns;  // (rows, columns); a vector has rows = 1
    bool weight;           // a matrix: coupled L2 applies in scope `weights`
};

struct param_set {
    struct param_view views[PARAM_MAX];
    size_t count;
    size_t floats; // in all; every view starts at a multiple of 16 floats, gaps stay zero
};

// Declares a tensor; returns its index. Asserts that there is room: the number of layers was
// checked.
size_t param_declare(struct param_set *set, const char *name, size_t rows, size_t columns,
                     bool weight);
