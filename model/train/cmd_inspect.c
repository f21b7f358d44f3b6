#include "model/checkpoint.h"
#include "model/train/commands.h"

#include <stdio.h>

static const struct command_option cmd_inspect_options[] = {{0}};

static enum status cmd_inspect_run(const struct command *command, int argc, char **argv,
                                   struct diag *reterr)
{
    struct command_line line;
    struct checkpoint checkpoint;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    TRY(checkpoint_load(line.operands[0], &checkpoint, reterr));
    struct buf text;
    buf_init(&text, 16 << 20);
    enum status code = checkpoint_describe(&checkpoint, &text);
    if (code == STATUS_OK)
        fputs(buf_view(&text).data, stdout);
    else
        diag_set(reterr, code, "%s", status_text(code));
    buf_fini(&text);
    checkpoint_fini(&checkpoint);
    return code;
}

const struct command cmd_inspect = {
    "inspect",
    "shows what a model file is and proves what it may see",
    "MODEL.safetensors",
    1,
    1,
    cmd_inspect_options,
    "Example:\n"
    "  ctr inspect run/student.safetensors\n\n"
    "Inputs with scope, layers, training ranges, histogram of pCTR, calibration, lineage, and for\n"
    "a student the proof that no privileged input is there: every column of the first layer with\n"
    "the feature it reads.\n",
    cmd_inspect_run};
