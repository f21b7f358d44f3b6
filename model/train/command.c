#include "model/train/command.h"

#include "base/num.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static size_t command_find(const struct command *command, const char *name, size_t length)
{
    size_t row = 0;
    while (command->options[row].name != NULL &&
           (strlen(command->options[row].name) != length ||
            memcmp(command->options[row].name, name, length) != 0))
        row++;
    return row;
}

static void command_help(const struct command *command)
{
    printf("ctr %s - %s\n\nUsage: ctr %s [options] %s\n\nOptions:\n", command->name,
           command->summary, command->name, command->operands);
    for (const struct command_option *row = command->options; row->name != NULL; row++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", row->name, row->value == NULL ? "" : " ",
                 row->value == NULL ? "" : row->value);
        printf("  %-24s %s\n", left, row->help);
    }
    printf("  %-24s %s\n", "--help", "this text");
    if (command->details != NULL)
        printf("\n%s", command->details);
}

static enum status command_misuse(const struct command *command, struct diag *reterr,
                                  const char *what, const char *about)
{
    return diag_set(reterr, STATUS_USAGE, "%s%s; `ctr %s --help` tells more", what, about,
                    command->name);
}

// One option at argv[*at]; a value stands behind '=' or in the next argument.
MUST_USE static enum status command_take(const struct command *command, int argc, char **argv,
                                         int *at, struct command_line *line, struct diag *reterr)
{
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
    size_t row = command_find(command, word, length);
    const struct command_option *option = &command->options[row];
    if (option->name == NULL)
        return command_misuse(command, reterr, "unknown option ", argv[*at]);
    if (line->given_count == COMMAND_MAX_VALUES)
        return command_misuse(command, reterr, "too many options", "");
    const char *value = equals == NULL ? NULL : equals + 1;
    if (option->value == NULL && value != NULL)
        return command_misuse(command, reterr, "takes no value: --", option->name);
    if (option->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return command_misuse(command, reterr, "needs a value: --", option->name);
        value = argv[++*at];
    }
    line->given[line->given_count].option = row;
    line->given[line->given_count].value = value == NULL ? "" : value;
    line->given_count++;
    return STATUS_OK;
}

enum status command_parse(const struct command *command, int argc, char **argv,
                          struct command_line *ret_line, struct diag *reterr)
{
    memset(ret_line, 0, sizeof(*ret_line));
    bool operands_only = false;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (!operands_only && strcmp(word, "--help") == 0) {
            command_help(command);
            ret_line->help = true;
            return STATUS_OK;
        }
        if (!operands_only && strcmp(word, "--") == 0) {
            operands_only = true;
        } else if (!operands_only && strncmp(word, "--", 2) == 0) {
            TRY(command_take(command, argc, argv, &at, ret_line, reterr));
        } else {
            if (ret_line->operand_count == command->max_operands)
                return command_misuse(command, reterr, "one argument too many: ", word);
            ret_line->operands[ret_line->operand_count++] = word;
        }
    }
    if (ret_line->operand_count < command->min_operands)
        return command_misuse(command, reterr, "arguments are missing: ", command->operands);
    return STATUS_OK;
}

const char *command_value(const struct command *command, const struct command_line *line,
                          const char *name)
{
    const char *values[COMMAND_MAX_VALUES];
    size_t count = command_values(command, line, name, values);
    return count == 0 ? NULL : values[count - 1];
}

size_t command_values(const struct command *command, const struct command_line *line,
                      const char *name, const char *values[COMMAND_MAX_VALUES])
{
    size_t row = command_find(command, name, strlen(name)), count = 0;
    assert(command->options[row].name != NULL);
    for (size_t i = 0; i < line->given_count; i++)
        if (line->given[i].option == row)
            values[count++] = line->given[i].value;
    return count;
}

enum status command_u64(const struct command *command, const struct command_line *line,
                        const char *name, uint64_t fallback, uint64_t min, uint64_t max,
                        uint64_t *ret_value, struct diag *reterr)
{
    const char *text = command_value(command, line, name);
    uint64_t value = fallback;
    if (text != NULL &&
        (num_parse_u64(span_of(text), &value) != STATUS_OK || value < min || value > max))
        return diag_set(reterr, STATUS_USAGE,
                        "--%s: expected a whole number from %llu to %llu, got '%s'", name,
                        (unsigned long long)min, (unsigned long long)max, text);
    *ret_value = value;
    return STATUS_OK;
}
