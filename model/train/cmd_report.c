#include "base/file.h"
#include "model/train/commands.h"
#include "model/train/report.h"

#include <stdio.h>

enum { CMD_REPORT_MAX_BYTES = 64 << 20 };

static const struct command_option cmd_report_options[] = {
    {"out", "FILE", "the page to write (default report.html)"}, {0}};

// results.json says what it is by `format`, a page by `kind`.
static enum status cmd_report_read(const char *path, struct json_value **ret_page,
                                   struct diag *reterr)
{
    struct file_bytes bytes;
    TRY(file_read(path, CMD_REPORT_MAX_BYTES, 0, &bytes, reterr));
    struct span text = {(const char *)bytes.data, bytes.size};
    struct json_value *page = NULL;
    enum status code = json_value_parse(text, &page, reterr);
    file_free(&bytes);
    if (code != STATUS_OK)
        return code;
    const struct json_value *format = NULL;
    if (json_value_kind(page) == JSON_VALUE_MAP)
        format = json_value_get(page, "format");
    if (format != NULL && json_value_kind(format) == JSON_VALUE_TEXT &&
        span_is(json_value_text(format), "ctr-results-1"))
        json_value_set_text(page, "kind", "experiment");
    *ret_page = page;
    return STATUS_OK;
}

static enum status cmd_report_run(const struct command *command, int argc, char **argv,
                                  struct diag *reterr)
{
    struct command_line line;
    struct json_value *page = NULL;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    const char *out = command_value(command, &line, "out");
    if (out == NULL)
        out = "report.html";
    enum status code = cmd_report_read(line.operands[0], &page, reterr);
    if (code == STATUS_OK)
        code = report_write(out, page, reterr);
    json_value_free(page);
    if (code != STATUS_OK) {
        diag_in_file(reterr, line.operands[0]);
        return code;
    }
    printf("%s\n", out);
    return STATUS_OK;
}

const struct command cmd_report = {
    "report",
    "draws the page of an experiment again",
    "RESULTS.json",
    1,
    1,
    cmd_report_options,
    "Example:\n"
    "  ctr report results/results.json --out report.html\n\n"
    "The page is one file that needs no network. RESULTS.json is the results.json of an\n"
    "experiment (`ctr experiment`), or the JSON of a page with its `kind`.\n",
    cmd_report_run};
