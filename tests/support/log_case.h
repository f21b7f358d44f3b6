// Impression logs of tests: a folder, a schema, and data sets opened from texts.
#pragma once

#include "model/schema.h"
#include "model/train/csvmap.h"
#include "model/train/dataset_log.h"
#include "tests/support/scratch.h"

struct log_case {
    struct scratch scratch;
    struct schema schema; // of the features that the test names
    struct csvmap csv;
    struct impressions_totals totals; // of the last data set
    struct diag diag;                 // of the last failure
    char words[1024];                 // the same as text
};

// `features` is the YAML list; failures end the test.
void log_case_init(struct log_case *log, const char *features);
void log_case_fini(struct log_case *log);
// The tree `csv` for what follows; `join`: a file, or "".
enum status log_case_csv(struct log_case *log, const char *tree, const char *data,
                         const char *join);
// Opens a file or pattern of the folder; the schema is that of `options`, or the case's.
enum status log_case_open(struct log_case *log, const char *name,
                          const struct dataset_options *options, struct dataset *ret_dataset);
// The same with the text as the file "log.jsonl".
enum status log_case_text(struct log_case *log, const char *text,
                          const struct dataset_options *options, struct dataset *ret_dataset);
