#include "model/store.h"
#include "model/train/commands.h"

#include <stdio.h>

static const struct command_option cmd_publish_options[] = {
    {"version", "N", "version number, not taken yet (the next one)"}, {0}};

static enum status cmd_publish_run(const struct command *command, int argc, char **argv,
                                   struct diag *reterr)
{
    struct command_line line;
    uint64_t wanted, version;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    TRY(command_u64(command, &line, "version", 0, 1, INT64_MAX, &wanted, reterr));
    TRY(store_publish(line.operands[0], line.operands[1], wanted, &version, reterr));
    printf("%s/%llu/%s\n", line.operands[1], (unsigned long long)version, STORE_FILE);
    return STATUS_OK;
}

const struct command cmd_publish = {
    "publish",
    "puts a student into a model folder as its next version",
    "FILE MODELDIR",
    2,
    2,
    cmd_publish_options,
    "Example:\n"
    "  ctr publish run/student.safetensors models/student\n\n"
    "The file is checked, copied to a temporary folder and renamed to its number, so that a\n"
    "reader sees all of it or nothing. Prints where it stands. ctrd serves the newest\n"
    "valid version of MODELDIR.\n",
    cmd_publish_run};
