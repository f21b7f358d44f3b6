#include "model/train/experiment_pool.h"

#include "base/file.h"
#include "base/log.h"
#include "model/train/experiment_choice.h"
#include "model/train/experiment_run.h"
#include "model/train/experiment_screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POOL_TAIL = 2000, POOL_MAX_LOG = 64 << 20, POOL_DRAW_SECONDS = 1, POOL_FIXED_ARGS = 8 };

enum pool_state { POOL_WAITING, POOL_RUNNING, POOL_FAILED, POOL_LEFT_OUT };

struct pool {
    const struct experiment *experiment;
    struct experiment_plan *plan;
    unsigned jobs, running;
    enum pool_state *states; // (plan->count)
    pid_t *children;         // (plan->count)
    sigset_t signals, before;
    bool stopping, told; // told: that it waits for another process
    size_t elsewhere;    // runs that could begin, but are in work by another process
    size_t failed, first_failed;
    struct experiment_screen screen;
};

// ctr experiment FILE --out OUT --run K [--set KEY=VALUE]...: the caller frees the array; number is
// the text of K.
static const char **pool_command(const struct pool *pool, const char *number)
{
    const struct experiment *experiment = pool->experiment;
    const char **argv = calloc(POOL_FIXED_ARGS + 2 * experiment->set_count, sizeof(*argv));
    if (argv == NULL)
        return NULL;
    const char *const fixed[] = {
        "ctr", "experiment", experiment->file, "--out", experiment->folder, "--run", number};
    size_t count = sizeof(fixed) / sizeof(*fixed);
    memcpy(argv, fixed, sizeof(fixed));
    for (size_t i = 0; i < experiment->set_count; i++) {
        argv[count++] = "--set";
        argv[count++] = experiment->sets[i];
    }
    return argv;
}

// In the child: ends when the parent does, writes to the log, sees signals as any program.
static void pool_become(const struct pool *pool, const char *const *argv, const char *log,
                        pid_t parent)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &pool->before, NULL);
    if (getppid() != parent) // it had died before it could be watched
        _exit(1);
    execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

MUST_USE static enum status pool_start(struct pool *pool, size_t index, struct diag *reterr)
{
    const struct experiment_entry *entry = &pool->plan->entries[index];
    char number[24];
    snprintf(number, sizeof(number), "%zu", index);
    char *folder = experiment_plan_path(pool->experiment, entry, NULL);
    char *log = experiment_plan_path(pool->experiment, entry, "log.txt");
    const char **argv = pool_command(pool, number);
    enum status code = STATUS_OK;
    if (folder == NULL || log == NULL || argv == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    else
        code = file_make_folder(folder, reterr);
    if (code == STATUS_OK) {
        pid_t parent = getpid(), child = fork();
        if (child == 0)
            pool_become(pool, argv, log, parent);
        if (child < 0) {
            code = diag_errno(reterr, entry->id, "cannot start");
        } else {
            pool->children[index] = child;
            pool->states[index] = POOL_RUNNING;
            pool->running++;
        }
    }
    free(folder);
    free(log);
    free(argv);
    return code;
}

// The end of a failed run's log, to where people look.
static void pool_show_log(const struct pool *pool, size_t index)
{
    const struct experiment_entry *entry = &pool->plan->entries[index];
    char *path = experiment_plan_path(pool->experiment, entry, "log.txt");
    struct file_bytes bytes = {0};
    if (path != NULL && file_read(path, POOL_MAX_LOG, 0, &bytes, NULL) == STATUS_OK) {
        size_t tail = bytes.size < POOL_TAIL ? bytes.size : POOL_TAIL;
        fprintf(stderr, "%s failed; the end of %s:\n%.*s", entry->id, path, (int)tail,
                (const char *)bytes.data + bytes.size - tail);
    }
    file_free(&bytes);
    free(path);
}

// A child that failed because another process was quicker: that one is at work or has finished.
static bool pool_is_of_another(struct pool *pool, size_t index)
{
    if (experiment_run_is_busy(pool->experiment, &pool->plan->entries[index]))
        return true;
    experiment_plan_look(pool->experiment, pool->plan);
    return pool->plan->entries[index].finished;
}

// Takes note of every child that has ended; all of them, or one at least if `wait`.
static void pool_reap(struct pool *pool, bool wait)
{
    int how;
    for (pid_t child; pool->running > 0 && (child = waitpid(-1, &how, wait ? 0 : WNOHANG)) != 0;) {
        if (child < 0 && errno == EINTR)
            continue;
        if (child < 0)
            return;
        for (size_t i = 0; i < pool->plan->count; i++) {
            if (pool->states[i] != POOL_RUNNING || pool->children[i] != child)
                continue;
            pool->running--;
            bool good = WIFEXITED(how) && WEXITSTATUS(how) == 0;
            good = good || pool_is_of_another(pool, i);
            pool->states[i] = good ? POOL_WAITING : POOL_FAILED;
            if (good || pool->stopping)
                continue;
            pool->first_failed = pool->failed++ == 0 ? i : pool->first_failed;
            pool_show_log(pool, i);
        }
    }
    experiment_plan_look(pool->experiment, pool->plan);
}

// Starts what can be started and nobody else works on.
MUST_USE static enum status pool_fill(struct pool *pool, struct diag *reterr)
{
    pool->elsewhere = 0;
    for (size_t i = 0; i < pool->plan->count && pool->running < pool->jobs; i++) {
        const struct experiment_entry *entry = &pool->plan->entries[i];
        bool stops;
        if (entry->finished || pool->states[i] != POOL_WAITING ||
            experiment_plan_blocker(pool->plan, i) != EXPERIMENT_NONE)
            continue;
        if (experiment_run_is_busy(pool->experiment, entry)) {
            pool->elsewhere++;
            continue;
        }
        TRY(experiment_choice_stops(pool->experiment, pool->plan, entry->method, &stops, reterr));
        if (stops) {
            experiment_run_tell_stopped(entry);
            pool->states[i] = POOL_LEFT_OUT;
            continue;
        }
        TRY(pool_start(pool, i, reterr));
    }
    return STATUS_OK;
}

static void pool_stop(struct pool *pool)
{
    pool->stopping = true;
    for (size_t i = 0; i < pool->plan->count; i++)
        if (pool->states[i] == POOL_RUNNING)
            kill(pool->children[i], SIGTERM);
    while (pool->running > 0)
        pool_reap(pool, true);
}

MUST_USE static enum status pool_loop(struct pool *pool, struct diag *reterr)
{
    const struct timespec pause = {.tv_sec = POOL_DRAW_SECONDS};
    for (;;) {
        TRY(pool_fill(pool, reterr));
        experiment_screen_update(&pool->screen, pool->running);
        if (pool->running == 0 && pool->elsewhere == 0)
            return STATUS_OK;
        if (pool->elsewhere > 0 && !pool->told)
            LOG_EVENT(LOG_INFO, "another process works on this experiment too: runs are shared",
                      LOG_S("folder", pool->experiment->folder));
        pool->told = pool->told || pool->elsewhere > 0;
        int signal = sigtimedwait(&pool->signals, NULL, &pause);
        if (signal == SIGINT || signal == SIGTERM)
            return diag_set(reterr, STATUS_INTERRUPTED,
                            "interrupted: the same command goes on where it stopped");
        pool_reap(pool, false);
    }
}

MUST_USE static enum status pool_verdict(const struct pool *pool, struct diag *reterr)
{
    if (pool->failed == 0)
        return STATUS_OK;
    return diag_set(reterr, STATUS_INTERNAL,
                    "%zu runs failed, first %s: see log.txt in its folder, %s/runs/%s; the same "
                    "command tries again",
                    pool->failed, pool->plan->entries[pool->first_failed].id,
                    pool->experiment->folder, pool->plan->entries[pool->first_failed].id);
}

enum status experiment_pool_run(const struct experiment *experiment, struct experiment_plan *plan,
                                unsigned jobs, struct diag *reterr)
{
    struct pool pool = {.experiment = experiment,
                        .plan = plan,
                        .jobs = jobs,
                        .states = calloc(plan->count, sizeof(*pool.states)),
                        .children = calloc(plan->count, sizeof(*pool.children))};
    if (pool.states == NULL || pool.children == NULL) {
        free(pool.states);
        free(pool.children);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    sigemptyset(&pool.signals);
    sigaddset(&pool.signals, SIGINT);
    sigaddset(&pool.signals, SIGTERM);
    sigaddset(&pool.signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &pool.signals, &pool.before);
    enum status code = experiment_screen_open(&pool.screen, experiment, plan, jobs, reterr);
    if (code == STATUS_OK)
        code = pool_loop(&pool, reterr);
    pool_stop(&pool);
    experiment_screen_close(&pool.screen);
    sigprocmask(SIG_SETMASK, &pool.before, NULL);
    if (code == STATUS_OK)
        code = pool_verdict(&pool, reterr);
    free(pool.states);
    free(pool.children);
    return code;
}
