// Calibration by the values of a field: Field-ECE and Field-RCE (spec/algorithm.md 7).
#pragma once

#include "model/train/quality_calib.h"

#include <stddef.h>
#include <stdint.h>

struct quality_field_doc {
    uint32_t field; // any numbers
    struct quality_calib_doc calib;
};

struct quality_field {
    double ece; // (1/N) sum_f |sum_f (y - p)|
    double rce; // over the fields with a click, weighted by their documents; NaN if there is none
};

// Sorts the documents; the same bits for any order of them. n >= 1; scratch: 2n doubles.
struct quality_field quality_field_measure(struct quality_field_doc *docs, size_t n,
                                           double *scratch);
