#include "base/file.h"
#include "model/kernels/blas.h"
#include "model/train/commands.h"
#include "model/train/run.h"

#include <stdio.h>
#include <stdlib.h>

static const struct command_option cmd_train_options[] = {
    {"out", "DIR", "folder of the run (needed)"},
    {"set", "KEY=VALUE", "overrides an option of the configuration; may be repeated"},
    {"warm-start", "STATE", "begin with what another run has learnt: its state.safetensors"},
    {"resume", NULL, "go on with the run in --out after it was stopped or killed"},
    {"options", NULL, "print all options of CONFIG.yaml with defaults, and end"},
    {"options-markdown", NULL, "the same as the table of the manual"},
    {0}};

MUST_USE static enum status cmd_train_print(void (*make)(const struct cfg_table *, struct buf *))
{
    struct buf text;
    buf_init(&text, 1 << 20);
    make(&train_config_table, &text);
    enum status code = buf_status(&text);
    fputs(buf_view(&text).data, stdout);
    buf_fini(&text);
    return code;
}

// Without CONFIG.yaml a resumed run takes the configuration that it saved.
MUST_USE static enum status cmd_train_load(const struct command *command,
                                           const struct command_line *line, const char *folder,
                                           bool resume, struct train_config *ret_config,
                                           struct yamldoc **ret_doc, struct diag *reterr)
{
    const char *sets[COMMAND_MAX_VALUES];
    size_t set_count = command_values(command, line, "set", sets);
    char *saved = NULL;
    if (line->operand_count == 0 && !resume)
        return diag_set(reterr, STATUS_USAGE, "name a CONFIG.yaml; `ctr train --help` tells more");
    if (line->operand_count == 0 && (saved = file_join(folder, "config.yaml")) == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    struct train_config_source source = {saved != NULL ? saved : line->operands[0], sets,
                                         set_count};
    enum status code = train_config_load(&source, ret_config, ret_doc, reterr);
    free(saved);
    return code;
}

static enum status cmd_train_run(const struct command *command, int argc, char **argv,
                                 struct diag *reterr)
{
    struct command_line line;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    if (command_value(command, &line, "options") != NULL)
        return cmd_train_print(cfg_help);
    if (command_value(command, &line, "options-markdown") != NULL)
        return cmd_train_print(cfg_markdown);
    const char *folder = command_value(command, &line, "out");
    bool resume = command_value(command, &line, "resume") != NULL;
    if (folder == NULL)
        return diag_set(reterr, STATUS_USAGE, "--out DIR is missing: where the run goes");
    struct train_config config = {0};
    struct yamldoc *doc = NULL;
    enum status code = cmd_train_load(command, &line, folder, resume, &config, &doc, reterr);
    const struct run_options options = {.warm_start = command_value(command, &line, "warm-start"),
                                        .resume = resume,
                                        .table = stdout};
    if (code == STATUS_OK)
        code = run_train(&config, folder, &options, reterr);
    train_config_fini(&config);
    yamldoc_free(doc);
    return code;
}

// OpenBLAS chooses its kernels before main; if it chose wrongly the program starts again, once.
static enum status cmd_train_begin(const struct command *command, int argc, char **argv,
                                   struct diag *reterr)
{
    // argv[-1] is the program: the whole line is executed again.
    TRY(blas_restart(argv - 1, reterr));
    blas_setup();
    return cmd_train_run(command, argc, argv, reterr);
}

const struct command cmd_train = {
    "train",
    "trains a teacher and the student that will serve",
    "CONFIG.yaml",
    0,
    1,
    cmd_train_options,
    "Example:\n"
    "  ctr train config.yaml --out run --set train.seed=2 --set method=base\n"
    "  ctr train --resume --out run\n"
    "  ctr train config.yaml --out tuesday --warm-start monday/state.safetensors \\\n"
    "    --set data.train=tuesday.jsonl --set train.epochs=1 --set train.order=as_given\n\n"
    "where config.yaml is, for LETOR data (impression logs have `features:` besides: README,\n"
    "docs/features.md),\n"
    "  data: {train: train.txt, valid: valid.txt, page_context: loo_mean_std}\n"
    "  method: clid\n"
    "  network: {hidden: [128, 64]}\n\n"
    "Every option is also an environment variable: train.batch is CTR_TRAIN_BATCH.\n"
    "DIR gets student.safetensors (what serves), teacher.safetensors, history.jsonl,\n"
    "config.yaml and state.safetensors (what --resume reads).\n",
    cmd_train_begin};
