#include "model/train/experiment_screen.h"

#include "base/log.h"
#include "model/train/experiment_time.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCREEN_TITLE = 20, SCREEN_LINE = 160 };

void experiment_screen_close(struct experiment_screen *screen)
{
    free(screen->records);
    free(screen->known);
    free(screen->seconds);
    *screen = (struct experiment_screen){0};
}

// Reads what has finished since the last look; tells of it in the log where nothing is drawn.
static void screen_read(struct experiment_screen *screen, bool tell)
{
    const struct experiment_plan *plan = screen->plan;
    bool news = false;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment_entry *entry = &plan->entries[i];
        struct experiment_record *record = &screen->records[i];
        if (!entry->finished || screen->known[i] ||
            experiment_record_load(screen->experiment, entry, record, NULL) != STATUS_OK)
            continue;
        screen->known[i] = news = true;
        if (tell)
            LOG_EACH(LOG_INFO, "run finished", LOG_S("id", entry->id),
                     LOG_S("status", record->diverged ? "diverged" : "ok"),
                     LOG_F("valid_rank", record->rank), LOG_F("valid_logloss", record->logloss));
    }
    if (news)
        experiment_time_load(screen->experiment, plan, screen->seconds);
}

enum status experiment_screen_open(struct experiment_screen *screen,
                                   const struct experiment *experiment,
                                   const struct experiment_plan *plan, unsigned jobs,
                                   struct diag *reterr)
{
    *screen = (struct experiment_screen){.experiment = experiment,
                                         .plan = plan,
                                         .records = calloc(plan->count, sizeof(*screen->records)),
                                         .known = calloc(plan->count, sizeof(*screen->known)),
                                         .seconds = calloc(plan->count, sizeof(*screen->seconds)),
                                         .terminal = isatty(STDERR_FILENO) == 1,
                                         .jobs = jobs};
    if (screen->records == NULL || screen->known == NULL || screen->seconds == NULL) {
        experiment_screen_close(screen);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    experiment_time_load(experiment, plan, screen->seconds);
    screen_read(screen, false); // what was finished before is no news
    return STATUS_OK;
}

// Hours that are left when `jobs` runs go on at a time; NaN if nothing is known.
static double screen_left(const struct experiment_screen *screen)
{
    double seconds = 0;
    for (size_t i = 0; i < screen->plan->count; i++)
        if (!screen->plan->entries[i].finished)
            seconds += experiment_time_estimate(screen->plan, screen->seconds, i);
    return seconds / 3600 / screen->jobs;
}

static void screen_method(const struct experiment_screen *screen, const struct method *method,
                          FILE *out)
{
    const struct experiment_plan *plan = screen->plan;
    size_t all = 0, finished = 0, diverged = 0;
    double rank = -(double)INFINITY, logloss = (double)INFINITY;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->entries[i].method != method)
            continue;
        const struct experiment_record *record = &screen->records[i];
        all++;
        finished += plan->entries[i].finished;
        diverged += screen->known[i] && record->diverged;
        if (!screen->known[i] || record->diverged)
            continue;
        rank = fmax(rank, record->rank);
        logloss = fmin(logloss, record->logloss);
    }
    fprintf(out, "%-*s %4zu/%-4zu", SCREEN_TITLE, method->title, finished, all);
    if (isfinite(rank) && isfinite(logloss))
        fprintf(out, "  %10.5f  %10.5f", rank, logloss);
    else
        fprintf(out, "  %10s  %10s", "-", "-");
    if (diverged > 0)
        fprintf(out, "  %zu diverged", diverged);
    fputc('\n', out);
}

void experiment_screen_table(struct experiment_screen *screen, FILE *out)
{
    screen_read(screen, false);
    fprintf(out, "%-*s %9s  %10s  %10s  (best so far, validation)\n", SCREEN_TITLE, "method",
            "runs", train_config_rank_title(&screen->experiment->config.train), "LogLoss");
    for (size_t i = 0; i < screen->plan->method_count; i++)
        screen_method(screen, screen->plan->methods[i], out);
}

static void screen_head(const struct experiment_screen *screen, unsigned running, FILE *out)
{
    size_t finished = 0, all = screen->plan->count;
    for (size_t i = 0; i < all; i++)
        finished += screen->plan->entries[i].finished;
    assert(all > 0); // base is always there
    char bar[31];
    size_t full = finished * (sizeof(bar) - 1) / all;
    memset(bar, ' ', sizeof(bar) - 1);
    memset(bar, '=', full);
    bar[sizeof(bar) - 1] = '\0';
    double left = screen_left(screen);
    fprintf(out, "[%s] %zu/%zu runs, %u at work", bar, finished, all, running);
    if (isfinite(left))
        fprintf(out, ", about %d:%02d h left", (int)left, (int)(fmod(left, 1) * 60));
    fprintf(out, "  %s\n", screen->experiment->config.name);
}

void experiment_screen_update(struct experiment_screen *screen, unsigned running)
{
    screen_read(screen, !screen->terminal);
    if (!screen->terminal)
        return;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return;
    if (screen->lines > 0)
        fprintf(out, "\033[%uA\033[J", screen->lines);
    fputs("\033[?7l", out); // a line that is too long is cut: wrapped, it would count as two
    screen_head(screen, running, out);
    experiment_screen_table(screen, out);
    fputs("\033[?7h", out);
    if (fclose(out) == 0) {
        screen->lines = 0;
        for (size_t i = 0; i < size; i++)
            screen->lines += text[i] == '\n';
        fwrite(text, 1, size, stderr);
        fflush(stderr);
    }
    free(text);
}
