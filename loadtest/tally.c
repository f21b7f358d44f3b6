#include "loadtest/tally.h"

#include <stdlib.h>

enum status tally_init(struct tally *tally, size_t windows)
{
    *tally = (struct tally){.window_count = windows};
    tally->windows = calloc(windows + 1, sizeof(*tally->windows));
    return tally->windows != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void tally_fini(struct tally *tally)
{
    for (size_t i = 0; i < TALLY_STATUSES; i++)
        free(tally->by_status[i]);
    free(tally->windows);
}

static struct hist *status_hist(struct tally *tally, int status)
{
    if (tally->by_status[status] == NULL) // once a status that comes
        tally->by_status[status] = calloc(1, sizeof(struct hist));
    return tally->by_status[status];
}

static void merge_windows(struct tally *into, const struct tally *from)
{
    for (size_t i = 0; i < into->window_count; i++) {
        struct tally_window *to = &into->windows[i];
        const struct tally_window *other = &from->windows[i];
        to->planned += other->planned;
        to->ok += other->ok;
        to->other += other->other;
        to->errors += other->errors;
        hist_merge(&to->latency, &other->latency);
    }
}

void tally_merge(struct tally *into, const struct tally *from)
{
    into->planned += from->planned;
    into->sent += from->sent;
    into->retry_after += from->retry_after;
    into->fault = into->fault != NULL ? into->fault : from->fault;
    into->ok += from->ok;
    into->in_time += from->in_time;
    into->retried += from->retried;
    for (int i = 0; i < TALLY_STATUSES; i++) {
        into->statuses[i] += from->statuses[i];
        struct hist *hist = from->by_status[i] != NULL ? status_hist(into, i) : NULL;
        if (hist != NULL)
            hist_merge(hist, from->by_status[i]);
    }
    for (size_t i = 0; i < TALLY_ERRORS; i++)
        into->errors[i] += from->errors[i];
    hist_merge(&into->all, &from->all);
    hist_merge(&into->good, &from->good);
    hist_merge(&into->lateness, &from->lateness);
    hist_merge(&into->waited, &from->waited);
    merge_windows(into, from);
}

void tally_answer(struct tally *tally, size_t window, int status, uint64_t latency_ns,
                  uint64_t deadline_ns)
{
    int known = status > 0 && status < TALLY_STATUSES ? status : 0;
    struct hist *hist = status_hist(tally, known);
    tally->statuses[known]++;
    hist_add(&tally->all, latency_ns);
    if (hist != NULL)
        hist_add(hist, latency_ns);
    if (status == 200) {
        tally->ok++;
        tally->in_time += deadline_ns == 0 || latency_ns <= deadline_ns;
        hist_add(&tally->good, latency_ns);
    }
    if (window >= tally->window_count)
        return;
    struct tally_window *place = &tally->windows[window];
    place->ok += status == 200;
    place->other += status != 200;
    hist_add(&place->latency, latency_ns);
}

void tally_error(struct tally *tally, size_t window, enum tally_error error)
{
    tally->errors[error]++;
    if (window < tally->window_count)
        tally->windows[window].errors++;
}
