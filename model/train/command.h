// A subcommand of `ctr`: its options as a table, from which parsing and --help come.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COMMAND_MAX_OPTIONS = 24, COMMAND_MAX_VALUES = 64 };

struct command_option {
    const char *name;  // without the dashes
    const char *value; // what its value is called in --help; NULL: a switch
    const char *help;
};

struct command {
    const char *name, *summary;
    const char *operands; // "CONFIG.yaml", for --help
    size_t min_operands, max_operands;
    const struct command_option *options; // ends with a row without a name
    const char *details;                  // examples and more, below the options
    // Returns a status; what it says to people goes to stdout, what went wrong to `reterr`.
    enum status (*run)(const struct command *command, int argc, char **argv, struct diag *reterr);
};

struct command_line {
    const char *operands[COMMAND_MAX_VALUES];
    size_t operand_count;
    struct {
        size_t option; // row of the table
        const char *value;
    } given[COMMAND_MAX_VALUES];
    size_t given_count;
    bool help; // --help was asked for and printed
};

// argv[0] is the command's name. STATUS_USAGE with words. --help prints to stdout and sets `help`.
MUST_USE enum status command_parse(const struct command *command, int argc, char **argv,
                                   struct command_line *ret_line, struct diag *reterr);
// The last value of an option, "" for a switch that is set, NULL if it was not given.
const char *command_value(const struct command *command, const struct command_line *line,
                          const char *name);
// All values of a repeated option, in order; returns their number.
size_t command_values(const struct command *command, const struct command_line *line,
                      const char *name, const char *values[COMMAND_MAX_VALUES]);
// A whole number of an option within [min, max]; `fallback` if it was not given.
MUST_USE enum status command_u64(const struct command *command, const struct command_line *line,
                                 const char *name, uint64_t fallback, uint64_t min, uint64_t max,
                                 uint64_t *ret_value, struct diag *reterr);
