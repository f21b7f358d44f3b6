// A checkpoint and the data that it is to score: what `ctr score` and `ctr evaluate` begin with.
#pragma once

#include "model/scorer.h"
#include "model/train/command.h"
#include "model/train/scoreset.h"

// The options that both commands have; to be listed in their tables.
#define OPENED_OPTIONS                                                                             \
    {"data", "FILE",                                                                               \
     "LETOR file or impressions (a pattern names several), plain or gzip (needed)"},               \
        {"config", "FILE", "configuration whose `csv` tree says what stands in CSV columns"},      \
        {"skip-bad", "N", "bad lines that may be skipped, and are counted (0)"},                   \
    {                                                                                              \
        "kernels", "SET", "auto, scalar, avx2 or avx512: the same bits (auto)"                     \
    }

struct opened {
    struct scorer scorer;
    struct dataset data;
    struct scoreset set; // all lists
    struct team *team;
};

// Loads `model`, reads --data with the columns that the model was trained on. On failure nothing is
// held.
MUST_USE enum status opened_open(const struct command *command, const struct command_line *line,
                                 const char *model, struct opened *ret_opened, struct diag *reterr);
// The same with the data of `path`.
MUST_USE enum status opened_open_file(const struct command *command,
                                      const struct command_line *line, const char *model,
                                      const char *path, struct opened *ret_opened,
                                      struct diag *reterr);
void opened_close(struct opened *opened);
