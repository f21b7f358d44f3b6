// ctrd: the command line, then server/daemon.

#include "base/log.h"
#include "base/num.h"
#include "base/version.h"
#include "model/scorer.h"
#include "server/daemon.h"
#include "server/doors.h"
#include "server/lifecycle.h"
#include "server/server_config.h"
#include "server/server_metrics.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAIN_MAX_SETS = 256, MAIN_MAX_TEXT = 1 << 20 };

enum action {
    RUN,
    HELP,
    VERSION,
    CHECK_CONFIG,
    DUMP_CONFIG,
    CHECK_MODEL,
    HELP_MARKDOWN,
    METRICS_MARKDOWN
};

struct command {
    enum action action;
    const char *file, *model;
    char *sets[MAIN_MAX_SETS]; // "key=value", owned
    size_t set_count;
    int ready_fd;
};

static const char help_top[] =
    "ctrd: ranks candidates by calibrated click probability, over HTTP.\n"
    "\n"
    "Usage: ctrd [--config FILE] [--KEY=VALUE]... [--ready-fd N]\n"
    "       ctrd --check-config | --dump-config [--config FILE] [--KEY=VALUE]...\n"
    "       ctrd --check-model FILE\n"
    "       ctrd --help | --version\n"
    "\n"
    "Examples:\n"
    "  ctrd --model.folder=models/ctr\n"
    "  ctrd --config ctrd.yaml --listen 0.0.0.0 --http.port=9000 --log.format=json\n"
    "  CTRD_MODEL_FOLDER=models/ctr ctrd --check-config\n"
    "  ctrd --check-model models/ctr/42/student.safetensors\n"
    "  curl -s http://127.0.0.1:8080/v1/rank --json @request.json\n"
    "\n"
    "  --config FILE        options as YAML\n"
    "  --KEY=VALUE          one option; stronger than environment (CTRD_*) and file\n"
    "  --set KEY=VALUE      the same\n"
    "  --listen ADDRESS     --http.listen=ADDRESS\n"
    "  --admin-socket PATH  --admin.socket=PATH\n"
    "  --ready-fd N         write the bound port (and that of admin.port) and a newline to\n"
    "                       descriptor N, which is open already, when ready\n"
    "  --check-config       read the options, say whether they are valid here, and end\n"
    "  --dump-config        print the options that would be in force, as YAML\n"
    "  --check-model FILE   load a student and prove it as ctrd would, tell what it is, and end\n"
    "  --help-markdown      print the options as a Markdown table\n"
    "  --metrics-markdown   print the metrics as a Markdown table\n"
    "\n"
    "Exit codes: 0 ok, 1 runtime fault, 2 usage, 78 configuration or model not valid.\n"
    "Signals: TERM drains and ends, INT and QUIT end within a second, HUP reads the options and\n"
    "looks for models anew, USR1 opens the logs anew, USR2 logs the state.\n"
    "\n"
    "Options (key, default, meaning; SIGHUP: taken without a restart):\n";

enum { OPTION_CONFIG = 256, OPTION_READY_FD, OPTION_ACTION };

static enum status read_ready_fd(const char *text, struct command *command, struct diag *reterr)
{
    int64_t fd;
    if (num_parse_i64(span_of(text), &fd) != STATUS_OK || fd < 0 || fd > INT_MAX)
        return diag_set(reterr, STATUS_USAGE, "--ready-fd: '%s' is not a descriptor", text);
    // Else it would be the number of a file that is opened later.
    if (fcntl((int)fd, F_GETFD) < 0)
        return diag_set(reterr, STATUS_USAGE, "--ready-fd: descriptor %s is not open", text);
    command->ready_fd = (int)fd;
    return STATUS_OK;
}

static enum status add_set(struct command *command, const char *key, size_t length,
                           const char *value, struct diag *reterr)
{
    if (command->set_count == MAIN_MAX_SETS)
        return diag_set(reterr, STATUS_USAGE, "more than %d options", MAIN_MAX_SETS);
    char **set = &command->sets[command->set_count];
    if (asprintf(set, "%.*s=%s", (int)length, key, value) < 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for an option");
    command->set_count++;
    return STATUS_OK;
}

static enum status add_pair(struct command *command, const char *pair, struct diag *reterr)
{
    size_t length = strcspn(pair, "=");
    if (pair[length] == '=')
        return add_set(command, pair, length, pair + length + 1, reterr);
    return diag_set(reterr, STATUS_CONFIG, "--set %s: expected key=value", pair);
}

// "--KEY=VALUE" and "--KEY VALUE" of an option of the table, two short names, and --set KEY=VALUE,
// in their order. *ret_used: how many arguments that were; 0: it is for getopt.
static enum status read_key(struct command *command, char **argv, int *ret_used,
                            struct diag *reterr)
{
    static const char *const aliases[][2] = {{"listen", "http.listen"},
                                             {"admin-socket", "admin.socket"}};
    *ret_used = 0;
    if (strncmp(argv[0], "--", 2) != 0)
        return STATUS_OK;
    struct span key = {argv[0] + 2, strcspn(argv[0] + 2, "=")};
    const char *value = key.data[key.size] == '=' ? key.data + key.size + 1 : argv[1];
    bool is_set = span_is(key, "set");
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (span_is(key, aliases[i][0]))
            key = span_of(aliases[i][1]);
    if (!is_set && !cfg_is_key(server_config_table(), key))
        return STATUS_OK;
    if (value == NULL)
        return diag_set(reterr, STATUS_USAGE, "%s: a value is missing", argv[0]);
    *ret_used = value == argv[1] ? 2 : 1;
    return is_set ? add_pair(command, value, reterr)
                  : add_set(command, key.data, key.size, value, reterr);
}

// Takes the options of the table out of argv; returns how many arguments are left.
static enum status take_keys(struct command *command, int *argc, char **argv, struct diag *reterr)
{
    int left = 1;
    for (int i = 1, used; i < *argc; i += used) {
        TRY(read_key(command, argv + i, &used, reterr));
        if (used > 0)
            continue;
        argv[left++] = argv[i];
        used = 1;
    }
    argv[left] = NULL;
    *argc = left;
    return STATUS_OK;
}

static enum status take_option(struct command *command, int option, struct diag *reterr)
{
    switch (option) {
    case OPTION_CONFIG:
        command->file = optarg;
        return STATUS_OK;
    case OPTION_READY_FD:
        return read_ready_fd(optarg, command, reterr);
    case OPTION_ACTION + CHECK_MODEL:
        command->model = optarg;
        break;
    default:
        break;
    }
    if (option <= OPTION_ACTION)
        return diag_set(reterr, STATUS_USAGE, "see ctrd --help");
    command->action = (enum action)(option - OPTION_ACTION);
    return STATUS_OK;
}

static enum status read_command(int argc, char **argv, struct command *command, struct diag *reterr)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"ready-fd", required_argument, NULL, OPTION_READY_FD},
        {"help", no_argument, NULL, OPTION_ACTION + HELP},
        {"version", no_argument, NULL, OPTION_ACTION + VERSION},
        {"check-config", no_argument, NULL, OPTION_ACTION + CHECK_CONFIG},
        {"dump-config", no_argument, NULL, OPTION_ACTION + DUMP_CONFIG},
        {"check-model", required_argument, NULL, OPTION_ACTION + CHECK_MODEL},
        {"help-markdown", no_argument, NULL, OPTION_ACTION + HELP_MARKDOWN},
        {"metrics-markdown", no_argument, NULL, OPTION_ACTION + METRICS_MARKDOWN},
        {NULL, 0, NULL, 0},
    };
    TRY(take_keys(command, &argc, argv, reterr));
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        TRY(take_option(command, option, reterr));
    if (optind < argc)
        return diag_set(reterr, STATUS_USAGE, "'%s' is not expected; see ctrd --help",
                        argv[optind]);
    return STATUS_OK;
}

static enum status print(struct buf *text, struct diag *reterr)
{
    enum status code = buf_status(text);
    if (code != STATUS_OK)
        diag_set(reterr, code, "no memory for the text");
    else if (fwrite(text->data, 1, text->size, stdout) != text->size || fflush(stdout) != 0)
        code = diag_errno(reterr, "stdout", "write");
    buf_fini(text);
    return code;
}

static enum status print_help(enum action action, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, MAIN_MAX_TEXT);
    if (action == HELP) {
        buf_text(&text, help_top);
        cfg_help(server_config_table(), &text);
    } else if (action == HELP_MARKDOWN) {
        cfg_markdown(server_config_table(), &text);
    } else if (action == METRICS_MARKDOWN) {
        server_metrics_markdown(&text);
    } else {
        buf_printf(&text, "ctrd %s (%s)\n", version_string(), version_commit());
    }
    return print(&text, reterr);
}

// Proven as at a start: with the scalar kernels and the best that this CPU has.
static enum status check_model(const char *path, struct diag *reterr)
{
    const struct kernels *kernels;
    struct scorer scorer;
    struct buf text;
    TRY(kernels_choose("auto", &kernels, reterr));
    enum status code = scorer_load(path, kernels, &scorer, reterr);
    if (code != STATUS_OK)
        return code == STATUS_NO_MEMORY ? code : STATUS_CONFIG;
    if (scorer.checkpoint.role != CHECKPOINT_STUDENT) {
        scorer_fini(&scorer);
        return diag_at_line(reterr, STATUS_CONFIG, path, 0, 0, "a teacher cannot serve");
    }
    buf_init(&text, MAIN_MAX_TEXT);
    code = checkpoint_describe(&scorer.checkpoint, &text);
    scorer_fini(&scorer);
    if (code == STATUS_OK)
        return print(&text, reterr);
    buf_fini(&text);
    return diag_set(reterr, code, "no memory for the text");
}

// What a start needs of this machine, but for the proof of the models.
static enum status check_config(const struct server_config *config, struct diag *reterr)
{
    struct lifecycle_plan plan;
    struct buf text;
    TRY(doors_check(config, reterr));
    TRY(server_config_plan(config, &plan, reterr));
    enum status code = lifecycle_plan_check(&plan, reterr);
    lifecycle_plan_fini(&plan);
    if (code != STATUS_OK)
        return code;
    buf_init(&text, MAIN_MAX_TEXT);
    buf_text(&text, "the configuration is valid\n");
    return print(&text, reterr);
}

static enum status act(const struct command *command, const struct cfg_sources *sources,
                       struct server_config *config, struct diag *reterr)
{
    struct buf text;
    if (command->action == CHECK_CONFIG)
        return check_config(config, reterr);
    if (command->action == DUMP_CONFIG) {
        buf_init(&text, MAIN_MAX_TEXT);
        cfg_dump(server_config_table(), config, &text);
        return print(&text, reterr);
    }
    log_setup((enum log_level)config->log_level, (enum log_format)config->log_format,
              STDERR_FILENO);
    return daemon_run(config, sources, command->ready_fd, reterr);
}

static enum status run(const struct command *command, struct diag *reterr)
{
    if (command->action == CHECK_MODEL)
        return check_model(command->model, reterr);
    if (command->action != RUN && command->action != CHECK_CONFIG && command->action != DUMP_CONFIG)
        return print_help(command->action, reterr);
    const struct cfg_sources sources = {
        .file = command->file,
        .environment = environ,
        .sets = (const char *const *)command->sets,
        .set_count = command->set_count,
    };
    struct server_config config;
    TRY(server_config_load(&sources, &config, reterr));
    enum status code = act(command, &sources, &config, reterr);
    if (code != STATUS_OK)
        cfg_blame(server_config_table(), &sources, config.doc, reterr);
    server_config_fini(&config);
    return code;
}

int main(int argc, char **argv)
{
    struct diag diag = {0};
    struct command command = {.action = RUN, .ready_fd = -1};
    enum status code = read_command(argc, argv, &command, &diag);
    if (code == STATUS_OK)
        code = run(&command, &diag);
    char text[1024];
    if (code != STATUS_OK)
        fprintf(stderr, "ctrd: %s\n", diag_format(&diag, text, sizeof(text)));
    for (size_t i = 0; i < command.set_count; i++)
        free(command.sets[i]);
    return status_exit(code);
}
