#include "model/train/experiment_report.h"

#include "model/train/experiment_screen.h"

enum status experiment_report(const struct experiment *experiment,
                              const struct experiment_plan *plan, struct diag *reterr)
{
    struct experiment_screen screen;
    TRY(experiment_screen_open(&screen, experiment, plan, 1, reterr));
    experiment_screen_table(&screen, stdout);
    experiment_screen_close(&screen);
    return STATUS_OK;
}
