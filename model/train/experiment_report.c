#include "model/train/experiment_report.h"

#include "base/file.h"
#include "model/train/experiment_screen.h"
#include "model/train/experiment_time.h"
#include "model/train/report.h"
#include "model/train/results.h"
#include "model/train/results_cell.h"
#include "model/train/results_markdown.h"
#include "model/train/results_timing.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPORT_MAX_BYTES = 256 << 20 };

MUST_USE static enum status report_save(const struct experiment *experiment, const char *name,
                                        const struct buf *text, struct diag *reterr)
{
    enum status code = buf_status(text);
    char *path = experiment_path(experiment, name);
    if (code == STATUS_OK && path == NULL)
        code = STATUS_NO_MEMORY;
    if (code != STATUS_OK)
        diag_set(reterr, code, "cannot write %s: %s", name, status_text(code));
    else
        code = file_write_atomic(path, text->data, text->size, reterr);
    free(path);
    return code;
}

MUST_USE static enum status report_save_json(const struct experiment *experiment, const char *name,
                                             const struct json_value *root, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, REPORT_MAX_BYTES);
    enum status code = root == NULL ? STATUS_NO_MEMORY : json_value_write(root, 1, &text);
    if (code == STATUS_OK) {
        buf_char(&text, '\n');
        code = report_save(experiment, name, &text, reterr);
    } else {
        diag_set(reterr, code, "cannot write %s: %s", name, status_text(code));
    }
    buf_fini(&text);
    return code;
}

MUST_USE static enum status report_timing(const struct experiment *experiment,
                                          const struct experiment_plan *plan, struct diag *reterr)
{
    double *seconds = calloc(plan->count + 1, sizeof(*seconds));
    if (seconds == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    experiment_time_load(experiment, plan, seconds);
    struct json_value *root = results_timing_json(plan, seconds);
    free(seconds);
    enum status code = report_save_json(experiment, "timing.json", root, reterr);
    json_value_free(root);
    return code;
}

MUST_USE static enum status report_table(const struct experiment *experiment,
                                         const struct experiment_plan *plan,
                                         const struct json_value *results, struct diag *reterr)
{
    struct experiment_screen screen;
    TRY(experiment_screen_open(&screen, experiment, plan, 1, reterr));
    experiment_screen_table(&screen, stdout);
    experiment_screen_close(&screen);
    const struct json_value *check = results_cell_at(results, "teacher_check");
    if (check != NULL && !json_value_bool(json_value_get(check, "better")))
        printf("Note: %s.\n", results_cell_text(check, "words"));
    return STATUS_OK;
}

// The page is the results with its kind.
MUST_USE static enum status report_page(const struct experiment *experiment,
                                        struct json_value *results, struct diag *reterr)
{
    char *path = experiment_path(experiment, "report.html");
    if (path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    json_value_set_text(results, "kind", "experiment");
    enum status code = report_write(path, results, reterr);
    free(path);
    return code;
}

enum status experiment_report(const struct experiment *experiment,
                              const struct experiment_plan *plan, struct diag *reterr)
{
    struct json_value *results;
    struct buf text;
    TRY(results_collect(experiment, plan, &results, reterr));
    buf_init(&text, REPORT_MAX_BYTES);
    enum status code = report_save_json(experiment, "results.json", results, reterr);
    if (code == STATUS_OK) {
        results_markdown(results, &text);
        code = report_save(experiment, "results.md", &text, reterr);
    }
    if (code == STATUS_OK)
        code = report_page(experiment, results, reterr);
    buf_fini(&text);
    if (code == STATUS_OK)
        code = report_timing(experiment, plan, reterr);
    if (code == STATUS_OK)
        code = report_table(experiment, plan, results, reterr);
    json_value_free(results);
    return code;
}
