// `ctr synth impressions`, the half of cmd_synth.c that makes impressions.
#pragma once

#include "model/train/command.h"

// Rows of the command's table. The word before the colon tells whose they are.
// clang-format off
#define CMD_SYNTH_IMPRESSIONS_OPTIONS                                                              \
    {"pages", "N", "impressions: training pages (200000)"},                                        \
    {"valid-pages", "N", "impressions: validation pages (a tenth of --pages)"},                    \
    {"test-pages", "N", "impressions: test pages (a tenth of --pages)"},                           \
    {"users", "N", "impressions: users (20000)"},                                                  \
    {"items", "N", "impressions: items (5000)"},                                                   \
    {"categories", "N", "impressions: categories of items (20)"},                                  \
    {"page", "N|MIN-MAX", "impressions: items shown on a page (10)"},                              \
    {"history", "N", "impressions: longest history of a user (50)"},                               \
    {"position", "X", "impressions: looked at with chance (1 + position)^-X, 0 to 3 (0.4)"},       \
    {"neighbours", "X", "impressions: strength of the other items shown, 0 to 10 (1)"},            \
    {"drift", "X", "impressions: an interest changes with chance 0.05 X a visit, 0 to 20 (1)"},    \
    {"shards", "N", "impressions: files of the training pages, train-00000.jsonl ... (1)"}
// clang-format on

// Writes into `folder`, prints what it wrote.
MUST_USE enum status cmd_synth_impressions_run(const struct command *command,
                                               const struct command_line *line, const char *folder,
                                               struct diag *reterr);
