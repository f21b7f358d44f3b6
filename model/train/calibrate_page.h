// What `ctr calibrate` tells: tables for people, a JSON object for programs and for the page of
// --report. Rows are the maps, measured on the data of the fit, out of fold, and on test data.
#pragma once

#include "model/train/calibrate_cross.h"
#include "model/train/quality.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CALIBRATE_PAGE_ROWS = CALIBRATE_KINDS + 1 };

struct calibrate_page_row {
    const char *map; // "as it was" is that of the model file
    const char *why; // why it is the identity, or NULL
    struct quality fit, test;
    struct quality_calib out_of_fold; // NaN where there is none
    struct stat_mean gain;            // over the identity, out of fold
    // Of the test data if there are any, else out of fold.
    struct reliability_bin bins[CALIBRATE_CROSS_BINS];
    size_t bin_count;
    bool chosen;
};

struct calibrate_page {              // texts are borrowed
    const char *model, *data, *test; // files; test may be NULL
    const char *chosen;              // name of the map
    bool validated;
    size_t count;
    struct calibrate_page_row rows[CALIBRATE_PAGE_ROWS];
};

// One row a map, then the reliability of the identity beside that of the chosen map.
void calibrate_page_print(const struct calibrate_page *page, FILE *out);
// {"kind": "calibration", "model", "chosen", "reliability_of", "rows": [{"map", "fit", "test",
// "cv_logloss", "cv_gain": {"mean", "half"}, "cv", "chosen", "why", "reliability": [{"docs", "p",
// "clicks", "truth"}]}]}; `p` and `clicks` are means of a bin. The caller frees.
struct json_value *calibrate_page_json(const struct calibrate_page *page);
