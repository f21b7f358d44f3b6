#include "base/file.h"
#include "model/train/commands.h"
#include "model/train/opened.h"
#include "proto/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_option cmd_score_options[] = {
    OPENED_OPTIONS, {"out", "FILE", "where the scores go; without it, to standard output"}, {0}};

// "qid <tab> document <tab> logit <tab> pctr": shortest decimals that read back to the same floats.
static void cmd_score_line(struct span qid, uint64_t document, float logit, float pctr,
                           struct buf *line)
{
    char logit_text[32], pctr_text[32];
    *json_read_print_float(logit_text, logit) = '\0';
    *json_read_print_float(pctr_text, pctr) = '\0';
    buf_clear(line);
    buf_span(line, qid);
    buf_printf(line, "\t%llu\t%s\t%s\n", (unsigned long long)document, logit_text, pctr_text);
}

// Every line goes to the file if there is one, else to stdout.
static void cmd_score_emit(struct file_writer *writer, const char *line, size_t size)
{
    if (writer != NULL)
        file_writer_write(writer, line, size);
    else
        fwrite(line, 1, size, stdout);
}

MUST_USE static enum status cmd_score_write(const struct opened *opened, const float *pctr,
                                            struct file_writer *writer, struct diag *reterr)
{
    static const char head[] = "qid\tdocument\tlogit\tpctr\n";
    const struct scoreset *set = &opened->set;
    enum status code = STATUS_OK;
    struct buf line;
    buf_init(&line, 2 << 20);
    cmd_score_emit(writer, head, sizeof(head) - 1);
    for (size_t i = 0; i < set->lists && code == STATUS_OK; i++) {
        struct span qid = dataset_qid(&opened->data, i);
        for (uint64_t d = set->offset[i]; d < set->offset[i + 1]; d++) {
            cmd_score_line(qid, d - set->offset[i], set->logit[d], pctr[d], &line);
            cmd_score_emit(writer, line.data, line.size);
        }
        code = buf_status(&line);
    }
    buf_fini(&line);
    return code == STATUS_OK ? code : diag_set(reterr, code, "a line of scores is too long");
}

MUST_USE static enum status cmd_score_all(struct opened *opened, const char *out,
                                          struct diag *reterr)
{
    struct file_writer file, *writer = NULL;
    TRY(scoreset_score(&opened->set, &opened->scorer, opened->team, reterr));
    float *pctr = calloc(opened->set.docs + 1, sizeof(*pctr));
    if (pctr == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = calibrate_apply(&opened->scorer.checkpoint.calibrate, opened->set.logit,
                                       opened->set.docs, pctr);
    if (code != STATUS_OK)
        diag_set(reterr, code, "%s", status_text(code));
    if (code == STATUS_OK && out != NULL) {
        code = file_writer_open(&file, out, reterr);
        writer = code == STATUS_OK ? &file : NULL;
    }
    if (code == STATUS_OK)
        code = cmd_score_write(opened, pctr, writer, reterr);
    if (code == STATUS_OK && writer != NULL)
        code = file_writer_commit(writer, reterr);
    else if (writer != NULL)
        file_writer_abort(writer);
    free(pctr);
    return code;
}

static enum status cmd_score_run(const struct command *command, int argc, char **argv,
                                 struct diag *reterr)
{
    struct command_line line;
    struct opened opened;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    TRY(opened_open(command, &line, line.operands[0], &opened, reterr));
    enum status code = cmd_score_all(&opened, command_value(command, &line, "out"), reterr);
    opened_close(&opened);
    return code;
}

const struct command cmd_score = {
    "score",
    "writes logit and pCTR of every document of a file",
    "MODEL.safetensors",
    1,
    1,
    cmd_score_options,
    "Example:\n"
    "  ctr score run/student.safetensors --data test.txt --out scores.tsv\n\n"
    "A line a document: qid, number of the document in its list (from 0), logit, pCTR, with\n"
    "tabs between. The numbers are the bits that ctrd answers.\n",
    cmd_score_run};
