#include "model/kernels/blas.h"
#include "model/train/commands.h"
#include "model/train/experiment_choice.h"
#include "model/train/experiment_claim.h"
#include "model/train/experiment_pool.h"
#include "model/train/experiment_report.h"
#include "model/train/experiment_run.h"
#include "model/train/experiment_time.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPERIMENT_MAX_JOBS = 1024 };

static const struct command_option cmd_experiment_options[] = {
    {"out", "DIR", "folder of the experiment (needed)"},
    {"jobs", "N", "runs at a time, one core each (as many as this process may use)"},
    {"list", NULL, "print the runs: number, name, level, state, estimated hours"},
    {"level", "N", "--list: only this level; runs of one level do not wait for each other"},
    {"run", "K", "do run number K, if it is not finished"},
    {"collect", NULL,
     "make results.json, results.md, timing.json and report.html of what is there"},
    {"set", "KEY=VALUE", "overrides an option of EXPERIMENT.yaml; may be repeated"},
    {"options", NULL, "print the options that `ctr train` has not, with defaults, and end"},
    {"options-markdown", NULL, "the same as the table of the manual"},
    {0}};

MUST_USE static enum status cmd_experiment_print(void (*make)(const struct cfg_table *,
                                                              struct buf *))
{
    struct buf text;
    buf_init(&text, 1 << 20);
    make(&experiment_own_table, &text);
    enum status code = buf_status(&text);
    fputs(buf_view(&text).data, stdout);
    buf_fini(&text);
    return code;
}

// The last answer of experiment_choice_stops, which reads many records: the runs of a method stand
// side by side.
struct cmd_experiment_stops {
    const struct method *method; // NULL: none yet
    bool stops;
};

MUST_USE static enum status cmd_experiment_state(const struct experiment *experiment,
                                                 const struct experiment_plan *plan, size_t index,
                                                 struct cmd_experiment_stops *last,
                                                 const char **ret_state, struct diag *reterr)
{
    const struct experiment_entry *entry = &plan->entries[index];
    if (entry->finished) {
        *ret_state = "finished";
        return STATUS_OK;
    }
    if (experiment_plan_blocker(plan, index) != EXPERIMENT_NONE) {
        *ret_state = "waits";
        return STATUS_OK;
    }
    if (last->method != entry->method)
        TRY(experiment_choice_stops(experiment, plan, entry->method, &last->stops, reterr));
    last->method = entry->method;
    *ret_state = last->stops ? "left out" : "ready";
    return STATUS_OK;
}

MUST_USE static enum status cmd_experiment_list(const struct experiment *experiment,
                                                const struct experiment_plan *plan, uint64_t level,
                                                struct diag *reterr)
{
    double *seconds = calloc(plan->count, sizeof(*seconds));
    if (seconds == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    experiment_time_load(experiment, plan, seconds);
    struct cmd_experiment_stops last = {0};
    enum status code = STATUS_OK;
    for (size_t i = 0; i < plan->count && code == STATUS_OK; i++) {
        const struct experiment_entry *entry = &plan->entries[i];
        const char *state = "";
        if (level != UINT64_MAX && (uint64_t)entry->level != level)
            continue;
        code = cmd_experiment_state(experiment, plan, i, &last, &state, reterr);
        if (code != STATUS_OK)
            break;
        double hours = experiment_time_estimate(plan, seconds, i) / 3600;
        printf("%zu\t%s\t%d\t%s\t", i, entry->id, entry->level, state);
        if (isnan(hours))
            puts("-");
        else
            printf("%.4f\n", hours);
    }
    free(seconds);
    return code;
}

MUST_USE static enum status cmd_experiment_all(struct experiment *experiment,
                                               struct experiment_plan *plan, uint64_t jobs,
                                               struct diag *reterr)
{
    enum status code = experiment_pool_run(experiment, plan, (unsigned)jobs, reterr);
    // What is there is shown, also when runs failed; the first fault is the one that is told.
    enum status collected =
        code == STATUS_INTERRUPTED
            ? STATUS_OK
            : experiment_report(experiment, plan, code == STATUS_OK ? reterr : NULL);
    return code != STATUS_OK ? code : collected;
}

struct cmd_experiment_asked {
    bool list, collect, one;
    uint64_t run, level, jobs;
};

MUST_USE static enum status cmd_experiment_ask(const struct command *command,
                                               const struct command_line *line,
                                               struct cmd_experiment_asked *asked,
                                               struct diag *reterr)
{
    cpu_set_t cores; // those that this process may use
    const bool known = sched_getaffinity(0, sizeof(cores), &cores) == 0;
    asked->list = command_value(command, line, "list") != NULL;
    asked->collect = command_value(command, line, "collect") != NULL;
    asked->one = command_value(command, line, "run") != NULL;
    TRY(command_u64(command, line, "run", UINT64_MAX, 0, UINT32_MAX, &asked->run, reterr));
    TRY(command_u64(command, line, "level", UINT64_MAX, 0, 3, &asked->level, reterr));
    TRY(command_u64(command, line, "jobs", known ? (uint64_t)CPU_COUNT(&cores) : 1, 1,
                    EXPERIMENT_MAX_JOBS, &asked->jobs, reterr));
    if (asked->list + asked->collect + asked->one > 1)
        return diag_set(reterr, STATUS_USAGE, "give one of --list, --run and --collect");
    if (command_value(command, line, "level") != NULL && !asked->list)
        return diag_set(reterr, STATUS_USAGE, "--level goes with --list");
    if (command_value(command, line, "jobs") != NULL &&
        (asked->list || asked->collect || asked->one))
        return diag_set(reterr, STATUS_USAGE,
                        "--jobs does not go with --list, --run and --collect");
    return STATUS_OK;
}

// --list and --collect only look: the folder must be this experiment's, to be listed also nobody's.
MUST_USE static enum status cmd_experiment_look(const struct experiment *experiment,
                                                const struct experiment_plan *plan,
                                                const struct cmd_experiment_asked *asked,
                                                struct diag *reterr)
{
    bool claimed;
    TRY(experiment_claim_look(experiment, &claimed, reterr));
    if (asked->list)
        return cmd_experiment_list(experiment, plan, asked->level, reterr);
    if (!claimed)
        return diag_at_line(reterr, STATUS_NOT_FOUND, experiment->folder, 0, 0,
                            "holds no experiment: nothing has run yet");
    return experiment_report(experiment, plan, reterr);
}

MUST_USE static enum status cmd_experiment_do(const struct command *command,
                                              const struct command_line *line,
                                              struct experiment *experiment, struct diag *reterr)
{
    struct cmd_experiment_asked asked;
    struct experiment_plan plan;
    TRY(cmd_experiment_ask(command, line, &asked, reterr));
    TRY(experiment_plan_make(experiment, &plan, reterr));
    enum status code = STATUS_OK;
    if (asked.one && asked.run >= plan.count)
        code = diag_set(reterr, STATUS_USAGE, "--run %llu: there are runs 0 to %zu",
                        (unsigned long long)asked.run, plan.count - 1);
    else if (asked.list || asked.collect)
        code = cmd_experiment_look(experiment, &plan, &asked, reterr);
    else
        code = experiment_prepare(experiment, reterr);
    if (code == STATUS_OK && asked.one)
        code = experiment_run(experiment, &plan, (size_t)asked.run, reterr);
    else if (code == STATUS_OK && !asked.list && !asked.collect)
        code = cmd_experiment_all(experiment, &plan, asked.jobs, reterr);
    experiment_plan_free(&plan);
    return code;
}

static enum status cmd_experiment_run(const struct command *command, int argc, char **argv,
                                      struct diag *reterr)
{
    struct command_line line;
    TRY(command_parse(command, argc, argv, &line, reterr));
    if (line.help)
        return STATUS_OK;
    if (command_value(command, &line, "options") != NULL)
        return cmd_experiment_print(cfg_help);
    if (command_value(command, &line, "options-markdown") != NULL)
        return cmd_experiment_print(cfg_markdown);
    const char *folder = command_value(command, &line, "out");
    if (line.operand_count == 0)
        return diag_set(reterr, STATUS_USAGE,
                        "name an EXPERIMENT.yaml; `ctr experiment --help` tells more");
    if (folder == NULL)
        return diag_set(reterr, STATUS_USAGE, "--out DIR is missing: where the experiment goes");
    const char *sets[COMMAND_MAX_VALUES];
    size_t set_count = command_values(command, &line, "set", sets);
    struct experiment experiment;
    enum status code =
        experiment_open(line.operands[0], folder, sets, set_count, &experiment, reterr);
    if (code == STATUS_OK)
        code = cmd_experiment_do(command, &line, &experiment, reterr);
    experiment_close(&experiment);
    return code;
}

// OpenBLAS chooses its kernels before main; if it chose wrongly the program starts again, once.
static enum status cmd_experiment_begin(const struct command *command, int argc, char **argv,
                                        struct diag *reterr)
{
    TRY(blas_restart(argv - 1, reterr));
    blas_setup();
    return cmd_experiment_run(command, argc, argv, reterr);
}

const struct command cmd_experiment = {
    "experiment",
    "compares methods, settings and seeds on the same data, and reports",
    "EXPERIMENT.yaml",
    0,
    1,
    cmd_experiment_options,
    "Example:\n"
    "  ctr experiment small.yaml --out small          all runs, then the report\n"
    "  ctr experiment small.yaml --out small --list   what there is to do\n"
    "  ctr experiment small.yaml --out small --run 7  one run: for GNU parallel or Slurm\n"
    "  ctr experiment small.yaml --out small --collect\n\n"
    "A finished run is never repeated and a killed experiment goes on with the same command.\n"
    "DIR gets results.json, results.md, timing.json and report.html. docs/experiment.md\n"
    "explains the file, the choice of settings and how to use many machines.\n",
    cmd_experiment_begin};
