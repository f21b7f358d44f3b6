#include "base/file.h"
#include "base/num.h"
#include "model/train/cmd_synth_impressions.h"
#include "model/train/commands.h"
#include "model/train/synth_letor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_option cmd_synth_options[] = {
    {"out", "DIR", "folder for train, valid, test and what is known of them (needed)"},
    {"click-rate", "RATE",
     "mean click probability, letor 0.001 to 0.9 (0.2), impressions to 0.5 (0.02)"},
    {"seed", "N", "same seed, same bytes (1)"},
    {"lists", "N", "letor: training lists (2000)"},
    {"valid-lists", "N", "letor: validation lists (a third of --lists)"},
    {"test-lists", "N", "letor: test lists (a third of --lists)"},
    {"features", "N", "letor: features of a document (136)"},
    {"min-docs", "N", "letor: fewest documents of a list (1)"},
    {"max-docs", "N", "letor: most documents of a list (300)"},
    {"context", "X", "letor: strength of what depends on the rest of the list, 0 to 10 (1)"},
    CMD_SYNTH_IMPRESSIONS_OPTIONS,
    {0}};

MUST_USE static enum status cmd_synth_number(const struct command *command,
                                             const struct command_line *line, const char *name,
                                             double *value, struct diag *reterr)
{
    const char *text = command_value(command, line, name);
    if (text != NULL && num_parse_double(span_of(text), value) != STATUS_OK)
        return diag_set(reterr, STATUS_USAGE, "--%s: expected a number, got '%s'", name, text);
    return STATUS_OK;
}

struct cmd_synth_part {
    const char *name;
    uint64_t lists;
};

MUST_USE static enum status cmd_synth_read(const struct command *command,
                                           const struct command_line *line,
                                           struct synth_letor_config *config,
                                           struct cmd_synth_part parts[3], struct diag *reterr)
{
    uint64_t features, least, most;
    TRY(command_u64(command, line, "lists", 2000, 1, 10000000, &parts[0].lists, reterr));
    uint64_t third = parts[0].lists / 3 + 1;
    TRY(command_u64(command, line, "valid-lists", third, 1, 10000000, &parts[1].lists, reterr));
    TRY(command_u64(command, line, "test-lists", third, 1, 10000000, &parts[2].lists, reterr));
    TRY(command_u64(command, line, "features", config->features, 1, SYNTH_LETOR_MAX_FEATURES,
                    &features, reterr));
    TRY(command_u64(command, line, "min-docs", config->docs_min, 1, SYNTH_LETOR_MAX_DOCS, &least,
                    reterr));
    TRY(command_u64(command, line, "max-docs", config->docs_max, 1, SYNTH_LETOR_MAX_DOCS, &most,
                    reterr));
    TRY(command_u64(command, line, "seed", config->seed, 0, UINT64_MAX, &config->seed, reterr));
    TRY(cmd_synth_number(command, line, "click-rate", &config->click_rate, reterr));
    config->features = (uint32_t)features;
    config->docs_min = (uint32_t)least;
    config->docs_max = (uint32_t)most;
    return cmd_synth_number(command, line, "context", &config->context, reterr);
}

MUST_USE static enum status cmd_synth_write(const struct synth_letor *synth, const char *folder,
                                            const struct cmd_synth_part *part, uint32_t first,
                                            struct diag *reterr)
{
    struct synth_letor_report report;
    char *path = NULL, *truth = NULL;
    enum status code = STATUS_OK;
    if (asprintf(&path, "%s/%s.txt", folder, part->name) < 0)
        path = NULL;
    if (asprintf(&truth, "%s/%s.txt.truth", folder, part->name) < 0)
        truth = NULL;
    if (path == NULL || truth == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    else
        code = synth_letor_write(synth, path, truth, (uint32_t)part->lists, first, &report, reterr);
    if (code == STATUS_OK)
        printf("%s: %llu lists, %llu documents, %llu clicks, mean P %.4f, LogLoss of the truth "
               "%.4f\n",
               path, (unsigned long long)part->lists, (unsigned long long)report.docs,
               (unsigned long long)report.clicks, report.mean_p, report.logloss);
    free(path);
    free(truth);
    return code;
}

// An option of the other kind would be without effect.
MUST_USE static enum status cmd_synth_only(const struct command *command,
                                           const struct command_line *line, const char *other,
                                           struct diag *reterr)
{
    for (size_t i = 0; i < line->given_count; i++) {
        const struct command_option *option = &command->options[line->given[i].option];
        if (strncmp(option->help, other, strlen(other)) == 0 && option->help[strlen(other)] == ':')
            return diag_set(reterr, STATUS_USAGE, "--%s is of use with `ctr synth %s` only",
                            option->name, other);
    }
    return STATUS_OK;
}

static enum status cmd_synth_letor(const struct command *command, const struct command_line *line,
                                   const char *folder, struct diag *reterr)
{
    struct synth_letor_config config = synth_letor_defaults();
    struct cmd_synth_part parts[3] = {{"train", 0}, {"valid", 0}, {"test", 0}};
    TRY(cmd_synth_read(command, line, &config, parts, reterr));
    struct synth_letor *synth;
    enum status code = synth_letor_new(&config, &synth, reterr);
    // What is out of range came from the command line.
    if (code != STATUS_OK)
        return code == STATUS_INVALID ? STATUS_USAGE : code;
    code = file_make_folder(folder, reterr);
    uint64_t first = 0;
    for (size_t i = 0; i < 3 && code == STATUS_OK; i++) {
        code = cmd_synth_write(synth, folder, &parts[i], (uint32_t)first, reterr);
        first += parts[i].lists;
    }
    synth_letor_free(synth);
    return code;
}

static enum status cmd_synth_run(const struct command *command, int argc, char **argv,
                                 struct diag *reterr)
{
    struct command_line line;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    const bool letor = strcmp(line.operands[0], "letor") == 0;
    if (!letor && strcmp(line.operands[0], "impressions") != 0)
        return diag_set(reterr, STATUS_USAGE,
                        "unknown kind of data '%s'; there are: letor, impressions",
                        line.operands[0]);
    TRY(cmd_synth_only(command, &line, letor ? "impressions" : "letor", reterr));
    const char *folder = command_value(command, &line, "out");
    if (folder == NULL)
        return diag_set(reterr, STATUS_USAGE, "--out DIR is missing: where the data go");
    return letor ? cmd_synth_letor(command, &line, folder, reterr)
                 : cmd_synth_impressions_run(command, &line, folder, reterr);
}

const struct command cmd_synth = {
    "synth",
    "makes data whose click probabilities are known",
    "letor|impressions",
    1,
    1,
    cmd_synth_options,
    "Example:\n"
    "  ctr synth letor --out data --lists 400 --features 24 --max-docs 40\n"
    "  ctr synth impressions --out data --pages 20000 --users 2000 --click-rate 0.05\n\n"
    "letor: lists shaped like MSLR-WEB30K. The chance of a click depends on the document and on\n"
    "the other documents of its list; FILE.truth has it, a line a document, so that calibration\n"
    "can be measured against the truth. docs/synth.md has the formulas.\n"
    "impressions: a log of ad impressions with ids and click histories, a page a line of JSON.\n"
    "FILE.truth has the chance of a click as shown, FILE.appeal the chance in a neutral place,\n"
    "which is what an auction should know, FILE.bid the bids. docs/synth-impressions.md.\n",
    cmd_synth_run};
