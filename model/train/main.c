// ctr: the offline tool. Finds the subcommand, runs it, tells what went wrong.
#include "base/log.h"
#include "base/version.h"
#include "model/kernels/blas.h"
#include "model/train/command.h"
#include "model/train/commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND(name) &name,
static const struct command *const main_commands[] = {
#include "model/train/commands.def"
};
#undef COMMAND

enum { MAIN_COMMANDS = sizeof(main_commands) / sizeof(*main_commands) };

static void main_help(void)
{
    printf("ctr - trains, measures and publishes the models that ctrd serves\n\n"
           "Usage: ctr COMMAND [options] ...\n\nCommands:\n");
    for (size_t i = 0; i < MAIN_COMMANDS; i++)
        printf("  %-10s %s\n", main_commands[i]->name, main_commands[i]->summary);
    printf("\n`ctr COMMAND --help` explains one. `ctr --version` tells what this is.\n\n"
           "Example:\n"
           "  ctr synth letor --out data --lists 400\n"
           "  ctr train config.yaml --out run --set train.epochs=5\n"
           "  ctr publish run/student.safetensors models/student\n"
           "  ctrd --set model.folder=models/student\n\n"
           "Exit codes: 0 done, 1 it failed, 2 the command line is not valid, 78 the\n"
           "configuration is not valid.\n");
}

static int main_fail(enum status code, const struct diag *diag)
{
    char text[1024];
    diag_format(diag, text, sizeof(text));
    fprintf(stderr, "ctr: %s\n", text[0] == '\0' ? status_text(code) : text);
    return status_exit(code);
}

// What was written to stdout must have arrived: a full disk is a failure.
static int main_end(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "ctr: cannot write to standard output\n");
    return 1;
}

int main(int argc, char **argv)
{
    struct diag diag = {0};
    log_setup(LOG_INFO, LOG_TEXT, STDERR_FILENO);
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        main_help();
        return argc < 2 ? 2 : main_end();
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ctr %s (%s)\n", version_string(), version_commit());
        return main_end();
    }
    for (size_t i = 0; i < MAIN_COMMANDS; i++) {
        if (strcmp(argv[1], main_commands[i]->name) != 0)
            continue;
        enum status code = main_commands[i]->run(main_commands[i], argc - 1, argv + 1, &diag);
        return code == STATUS_OK ? main_end() : main_fail(code, &diag);
    }
    diag_set(&diag, STATUS_USAGE, "unknown command '%s'; `ctr --help` lists them", argv[1]);
    return main_fail(STATUS_USAGE, &diag);
}
