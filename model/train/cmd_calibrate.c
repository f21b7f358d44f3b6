#include "base/log.h"
#include "base/num.h"
#include "model/train/calibrator.h"
#include "model/train/commands.h"
#include "model/train/report.h"

#include <stdio.h>
#include <string.h>

enum { CMD_CALIBRATE_MAX_FOLDS = 100, CMD_CALIBRATE_MAX_BINS = 100000 };

static const struct command_option cmd_calibrate_options[] = {
    OPENED_OPTIONS,
    {"out", "FILE", "the model file to write (needed)"},
    {"test", "FILE", "data to measure on, which nothing is fitted on"},
    {"map", "NAME", "auto (the best by cross-validated LogLoss) or a map by name (auto)"},
    {"keep-rate", "W", "the training data kept this share of the non-clicks: logit + ln W (1)"},
    {"folds", "K", "of the cross-validation, by list (5)"},
    {"bins", "N", "of sir: bins of equal size (100)"},
    {"min-clicks", "N", "of sir: a bin with fewer takes in the next (50)"},
    {"prior", "N", "of sir: pseudo-impressions at the overall click rate in each bin (0)"},
    {"report", "FILE", "a page with the reliability diagrams: self-contained HTML"},
    {"json", NULL, "one JSON object instead of tables"},
    {0}};

MUST_USE static enum status cmd_calibrate_number(const struct command *command,
                                                 const struct command_line *line, const char *name,
                                                 double *value, struct diag *reterr)
{
    const char *text = command_value(command, line, name);
    if (text != NULL && num_parse_double(span_of(text), value) != STATUS_OK)
        return diag_set(reterr, STATUS_USAGE, "--%s: expected a number, got '%s'", name, text);
    return STATUS_OK;
}

MUST_USE static enum status cmd_calibrate_wish(const struct command *command,
                                               const struct command_line *line,
                                               struct calibrator_wish *ret_wish,
                                               struct diag *reterr)
{
    struct calibrator_wish wish = {.model = line->operands[0],
                                   .data = command_value(command, line, "data"),
                                   .test = command_value(command, line, "test"),
                                   .keep_rate = 1};
    const char *map = command_value(command, line, "map");
    uint64_t folds, bins;
    if (command_value(command, line, "out") == NULL)
        return diag_set(reterr, STATUS_USAGE, "--out FILE is missing: the model file to write");
    wish.automatic = map == NULL || strcmp(map, "auto") == 0;
    if (!wish.automatic && !calibrate_kind_of(map, &wish.kind))
        return diag_set(reterr, STATUS_USAGE,
                        "--map: '%s' is not auto, identity, offset, temperature, platt, sir or "
                        "isotonic",
                        map);
    TRY(command_u64(command, line, "folds", 5, 2, CMD_CALIBRATE_MAX_FOLDS, &folds, reterr));
    TRY(command_u64(command, line, "bins", 100, 2, CMD_CALIBRATE_MAX_BINS, &bins, reterr));
    TRY(command_u64(command, line, "min-clicks", 50, 0, UINT32_MAX, &wish.rules.min_clicks,
                    reterr));
    TRY(cmd_calibrate_number(command, line, "prior", &wish.rules.prior, reterr));
    TRY(cmd_calibrate_number(command, line, "keep-rate", &wish.keep_rate, reterr));
    if (!(wish.rules.prior >= 0 && wish.rules.prior <= 1e12))
        return diag_set(reterr, STATUS_USAGE, "--prior: expected a number from 0 to 1e12");
    if (!(wish.keep_rate > 0 && wish.keep_rate <= 1))
        return diag_set(reterr, STATUS_USAGE, "--keep-rate: expected a number in (0, 1]");
    wish.folds = (unsigned)folds;
    wish.rules.bins = bins;
    *ret_wish = wish;
    return STATUS_OK;
}

MUST_USE static enum status cmd_calibrate_json(const struct calibrator *calibrator, const char *out)
{
    struct json_value *root = calibrate_page_json(&calibrator->page);
    json_value_set_text(root, "out", out);
    struct buf text;
    buf_init(&text, 16 << 20);
    enum status code = json_value_write(root, 2, &text);
    if (code == STATUS_OK)
        printf("%s\n", buf_view(&text).data);
    buf_fini(&text);
    json_value_free(root);
    return code;
}

MUST_USE static enum status cmd_calibrate_report(const struct calibrator *calibrator,
                                                 const char *path, struct diag *reterr)
{
    struct json_value *page = calibrate_page_json(&calibrator->page);
    enum status code = page == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                    : report_write(path, page, reterr);
    json_value_free(page);
    return code;
}

static void cmd_calibrate_tell(const struct calibrator *calibrator, const char *out)
{
    const struct scoreset *set = &calibrator->data->set;
    const struct calibrator_wish *wish = calibrator->wish;
    printf("%s: %zu lists, %zu documents, %zu clicks\n", wish->data, set->lists, set->docs,
           calibrator->page.rows[0].fit.clicks);
    if (wish->keep_rate < 1)
        printf("every map begins at logit + ln %g\n", wish->keep_rate);
    calibrate_page_print(&calibrator->page, stdout);
    struct buf words;
    buf_init(&words, 4096);
    calibrate_describe(&calibrator->cross.rows[calibrator->chosen].fit.map, &words);
    printf("\n%s: %s\n", out, buf_view(&words).data);
    buf_fini(&words);
}

MUST_USE static enum status cmd_calibrate_fit(const struct command *command,
                                              const struct command_line *line,
                                              const struct calibrator_wish *wish,
                                              struct opened *data, struct opened *test,
                                              struct diag *reterr)
{
    const char *out = command_value(command, line, "out");
    struct calibrator calibrator;
    if (test != NULL && test->data.content_hash == data->data.content_hash)
        LOG_EVENT(LOG_WARN, "the test data are those of the fit", LOG_S("file", wish->test));
    TRY(calibrator_run(wish, data, test, &calibrator, reterr));
    const char *report = command_value(command, line, "report");
    enum status code = calibrator_write(&calibrator, out, reterr);
    if (code == STATUS_OK && report != NULL)
        code = cmd_calibrate_report(&calibrator, report, reterr);
    if (code == STATUS_OK && command_value(command, line, "json") != NULL)
        code = cmd_calibrate_json(&calibrator, out);
    else if (code == STATUS_OK)
        cmd_calibrate_tell(&calibrator, out);
    calibrator_fini(&calibrator);
    return code;
}

static enum status cmd_calibrate_run(const struct command *command, int argc, char **argv,
                                     struct diag *reterr)
{
    struct command_line line;
    struct calibrator_wish wish;
    struct opened data, test;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    TRY(cmd_calibrate_wish(command, &line, &wish, reterr));
    TRY(opened_open(command, &line, wish.model, &data, reterr));
    enum status code = calibrator_check(&wish, &data, reterr);
    if (code == STATUS_OK && wish.test == NULL) {
        code = cmd_calibrate_fit(command, &line, &wish, &data, NULL, reterr);
    } else if (code == STATUS_OK) {
        code = opened_open_file(command, &line, wish.model, wish.test, &test, reterr);
        if (code == STATUS_OK) {
            code = cmd_calibrate_fit(command, &line, &wish, &data, &test, reterr);
            opened_close(&test);
        }
    }
    opened_close(&data);
    return code;
}

const struct command cmd_calibrate = {
    "calibrate",
    "fits a map from logit to pCTR on held-out lists",
    "MODEL.safetensors",
    1,
    1,
    cmd_calibrate_options,
    "Maps, s = logit + ln W:\n"
    "  identity     sigma(s)\n"
    "  offset       sigma(s + b): the level\n"
    "  temperature  sigma(s / T): too sure, or not sure enough\n"
    "  platt        sigma(a s + b): both\n"
    "  sir          straight lines between the click rates of bins\n"
    "  isotonic     the best map that never falls\n"
    "None changes the order of candidates by logit; what is written serves in ctrd. A model that\n"
    "has a map is fitted anew from its raw logits. docs/calibration.md tells when to take "
    "which.\n\n"
    "Example:\n"
    "  ctr calibrate run/student.safetensors --data held_out.txt --test test.txt \\\n"
    "      --out calibrated.safetensors\n",
    cmd_calibrate_run};
