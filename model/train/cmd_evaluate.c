#include "model/train/commands.h"
#include "model/train/measure.h"
#include "model/train/opened.h"

#include <stdio.h>
#include <string.h>

static const struct command_option cmd_evaluate_options[] = {
    OPENED_OPTIONS, {"json", NULL, "one JSON object instead of a table"}, {0}};

MUST_USE static enum status cmd_evaluate_json(const struct measure_table *table)
{
    struct json_value *root = json_value_new_map();
    for (size_t i = 0; i < table->count; i++)
        json_value_set(root, table->columns[i].name, quality_to_json(&table->columns[i].quality));
    struct buf text;
    buf_init(&text, 1 << 20);
    enum status code = json_value_write(root, 2, &text);
    if (code == STATUS_OK)
        printf("%s\n", buf_view(&text).data);
    buf_fini(&text);
    json_value_free(root);
    return code;
}

static enum status cmd_evaluate_run(const struct command *command, int argc, char **argv,
                                    struct diag *reterr)
{
    struct command_line line;
    struct measure_table table = {0};
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    for (size_t i = 0; i < line.operand_count; i++) {
        struct opened opened;
        TRY(opened_open(command, &line, line.operands[i], &opened, reterr));
        enum status code =
            measure_add(&table, line.operands[i], &opened.set, &opened.scorer, opened.team, reterr);
        opened_close(&opened);
        if (code != STATUS_OK)
            return code;
    }
    if (command_value(command, &line, "json") != NULL)
        return cmd_evaluate_json(&table);
    measure_print(&table, stdout);
    return STATUS_OK;
}

const struct command cmd_evaluate = {
    "evaluate",
    "measures ranking and calibration of models on a file",
    "MODEL.safetensors...",
    1,
    MEASURE_MAX,
    cmd_evaluate_options,
    "Example:\n"
    "  ctr evaluate run/teacher.safetensors run/student.safetensors --data test.txt\n\n"
    "Ranking (NDCG@10 on grades, AUC, GAUC) compares raw logits; calibration (LogLoss, ECE,\n"
    "PCOC, Brier, normalised entropy, slope and intercept) uses the calibrated probability\n"
    "of a click, grade > 0. docs/measures.md explains each.\n",
    cmd_evaluate_run};
