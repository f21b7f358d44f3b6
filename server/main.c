// ctrd: the command line, then server/daemon.

#include "base/log.h"
#include "base/num.h"
#include "base/version.h"
#include "server/daemon.h"
#include "server/server_config.h"
#include "server/server_metrics.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { MAIN_MAX_SETS = 256, MAIN_MAX_TEXT = 1 << 20 };

enum action { RUN, HELP, VERSION, CHECK_CONFIG, DUMP_CONFIG, HELP_MARKDOWN, METRICS_MARKDOWN };

struct command {
    enum action action;
    const char *file;
    const char *sets[MAIN_MAX_SETS];
    size_t set_count;
    int ready_fd;
};

static const char help_top[] =
    "ctrd: ranks candidates by calibrated click probability, over HTTP.\n"
    "\n"
    "Usage: ctrd [--config FILE] [--set KEY=VALUE]... [--ready-fd N]\n"
    "       ctrd --check-config | --dump-config [--config FILE] [--set KEY=VALUE]...\n"
    "       ctrd --help | --version\n"
    "\n"
    "Examples:\n"
    "  ctrd --set model.folder=models/ctr\n"
    "  ctrd --config ctrd.yaml --set http.port=9000 --set log.format=json\n"
    "  CTRD_MODEL_FOLDER=models/ctr ctrd --check-config\n"
    "  curl -s http://127.0.0.1:8080/v1/rank --json @request.json\n"
    "\n"
    "  --config FILE        options as YAML\n"
    "  --set KEY=VALUE      one option; stronger than environment (CTRD_*) and file\n"
    "  --ready-fd N         write the bound port and a newline to descriptor N when ready\n"
    "  --check-config       read the options, say whether they are valid, and end\n"
    "  --dump-config        print the options that would be in force, as YAML\n"
    "  --help-markdown      print the options as a Markdown table\n"
    "  --metrics-markdown   print the metrics as a Markdown table\n"
    "\n"
    "Exit codes: 0 ok, 1 runtime fault, 2 usage, 78 configuration or model not valid.\n"
    "Signals: TERM drains and ends, INT and QUIT end within a second.\n"
    "\n"
    "Options (key, default, meaning):\n";

static enum status read_ready_fd(const char *text, struct command *command, struct diag *reterr)
{
    int64_t fd;
    if (num_parse_i64(span_of(text), &fd) != STATUS_OK || fd < 0 || fd > INT_MAX)
        return diag_set(reterr, STATUS_USAGE, "--ready-fd: '%s' is not a descriptor", text);
    command->ready_fd = (int)fd;
    return STATUS_OK;
}

static enum status read_command(int argc, char **argv, struct command *ret_command,
                                struct diag *reterr)
{
    enum { OPTION_CONFIG = 256, OPTION_SET, OPTION_READY_FD, OPTION_ACTION };
    static const struct option options[] = {
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"set", required_argument, NULL, OPTION_SET},
        {"ready-fd", required_argument, NULL, OPTION_READY_FD},
        {"help", no_argument, NULL, OPTION_ACTION + HELP},
        {"version", no_argument, NULL, OPTION_ACTION + VERSION},
        {"check-config", no_argument, NULL, OPTION_ACTION + CHECK_CONFIG},
        {"dump-config", no_argument, NULL, OPTION_ACTION + DUMP_CONFIG},
        {"help-markdown", no_argument, NULL, OPTION_ACTION + HELP_MARKDOWN},
        {"metrics-markdown", no_argument, NULL, OPTION_ACTION + METRICS_MARKDOWN},
        {NULL, 0, NULL, 0},
    };
    struct command command = {.action = RUN, .ready_fd = -1};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return diag_set(reterr, STATUS_USAGE, "see ctrd --help");
        if (option > OPTION_ACTION)
            command.action = (enum action)(option - OPTION_ACTION);
        if (option == OPTION_CONFIG)
            command.file = optarg;
        if (option == OPTION_READY_FD)
            TRY(read_ready_fd(optarg, &command, reterr));
        if (option != OPTION_SET)
            continue;
        if (command.set_count == MAIN_MAX_SETS)
            return diag_set(reterr, STATUS_USAGE, "more than %d times --set", MAIN_MAX_SETS);
        command.sets[command.set_count++] = optarg;
    }
    if (optind < argc)
        return diag_set(reterr, STATUS_USAGE, "'%s' is not expected; see ctrd --help",
                        argv[optind]);
    *ret_command = command;
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

static enum status act(const struct command *command, const struct server_config *config,
                       struct diag *reterr)
{
    struct buf text;
    buf_init(&text, MAIN_MAX_TEXT);
    if (command->action == CHECK_CONFIG) {
        buf_text(&text, "the configuration is valid\n");
        return print(&text, reterr);
    }
    if (command->action == DUMP_CONFIG) {
        cfg_dump(server_config_table(), config, &text);
        return print(&text, reterr);
    }
    log_setup((enum log_level)config->log_level, (enum log_format)config->log_format,
              STDERR_FILENO);
    return daemon_run(config, command->ready_fd, reterr);
}

static enum status run(int argc, char **argv, struct diag *reterr)
{
    struct command command;
    TRY(read_command(argc, argv, &command, reterr));
    if (command.action != RUN && command.action != CHECK_CONFIG && command.action != DUMP_CONFIG)
        return print_help(command.action, reterr);
    const struct cfg_sources sources = {
        .file = command.file,
        .environment = environ,
        .sets = command.sets,
        .set_count = command.set_count,
    };
    struct server_config config;
    TRY(server_config_load(&sources, &config, reterr));
    enum status code = act(&command, &config, reterr);
    server_config_fini(&config);
    return code;
}

int main(int argc, char **argv)
{
    struct diag diag = {0};
    enum status code = run(argc, argv, &diag);
    char text[1024];
    if (code != STATUS_OK)
        fprintf(stderr, "ctrd: %s\n", diag_format(&diag, text, sizeof(text)));
    return status_exit(code);
}
