#include "server/attend.h"

#include "base/tick.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const uint64_t ns_per_ms = 1000000;

// "serving ctr:42, cvr:7": what who names no version gets.
static void write_status(struct daemon *daemon, struct buf *text)
{
    const struct registry_view *view = registry_pin(daemon->registry, daemon->pulse.reader);
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++) {
        const struct registry_model *model = &view->models[i];
        if (model->current != NULL)
            buf_printf(text, "%s%s:%s", count++ == 0 ? "serving " : ", ", model->name,
                       model->current->text);
    }
    registry_unpin(daemon->registry, daemon->pulse.reader);
    if (count == 0)
        buf_text(text, "no model serves");
}

static void tell_status(struct daemon *daemon)
{
    char status[NOTIFY_STATUS_BYTES] = "";
    struct buf text;
    if (daemon->notify.fd < 0)
        return;
    buf_over(&text, status, sizeof(status) - 1);
    write_status(daemon, &text); // what has no room is left out
    if (strcmp(status, daemon->notify.status) == 0)
        return;
    memcpy(daemon->notify.status, status, sizeof(status));
    notify_tell(&daemon->notify, "STATUS=%s", status);
}

bool attend_is_well(enum pulse_state pulse, uint64_t turned_ns, uint64_t now_ns, uint64_t period_ns)
{
    // An idle thread goes round twice a second.
    uint64_t usual_ns = 2 * (uint64_t)HTTP_IDLE_MS * ns_per_ms;
    uint64_t most_ns = period_ns > usual_ns ? period_ns : usual_ns;
    return pulse != PULSE_FAILED && (turned_ns >= now_ns || now_ns - turned_ns <= most_ns);
}

// When the last of the threads that accept or read went round.
static uint64_t loops_turned_ns(const struct daemon *daemon)
{
    uint64_t oldest_ns =
        daemon->acceptor != NULL ? acceptor_turned_ns(daemon->acceptor) : UINT64_MAX;
    for (unsigned i = 0; i < daemon->io_threads + 2; i++) {
        uint64_t turned_ns =
            daemon->https[i] != NULL ? http_turned_ns(daemon->https[i]) : UINT64_MAX;
        oldest_ns = turned_ns < oldest_ns ? turned_ns : oldest_ns;
    }
    return oldest_ns;
}

static uint64_t beat_ns(const struct daemon *daemon)
{
    uint64_t usual_ns = PULSE_MS * ns_per_ms, watchdog_ns = daemon->notify.watchdog_ns;
    return watchdog_ns != 0 && watchdog_ns / 2 < usual_ns ? watchdog_ns / 2 : usual_ns;
}

static void beat(struct daemon *daemon)
{
    uint64_t watchdog_ns = daemon->notify.watchdog_ns;
    daemon->next_beat_ns = tick_ns() + beat_ns(daemon);
    pulse_beat(&daemon->pulse);
    if (!atomic_load_explicit(&daemon->observe.draining, memory_order_relaxed))
        tell_status(daemon);
    uint64_t turned_ns = loops_turned_ns(daemon), now_ns = tick_ns();
    if (watchdog_ns != 0 &&
        attend_is_well(pulse_state(&daemon->pulse), turned_ns, now_ns, watchdog_ns))
        notify_tell(&daemon->notify, "WATCHDOG=1");
}

static int read_signal(const struct daemon *daemon, int timeout_ms)
{
    struct pollfd probe = {.fd = daemon->signal_fd, .events = POLLIN};
    while (poll(&probe, 1, timeout_ms) < 0 && errno == EINTR)
        ;
    struct signalfd_siginfo info;
    if (read(daemon->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

void attend_start(struct daemon *daemon)
{
    beat(daemon);
}

int attend_wait(struct daemon *daemon, int timeout_ms)
{
    uint64_t end_ns = timeout_ms < 0 ? UINT64_MAX : tick_ns() + (uint64_t)timeout_ms * ns_per_ms;
    for (;;) {
        if (tick_ns() >= daemon->next_beat_ns)
            beat(daemon);
        uint64_t now_ns = tick_ns();
        uint64_t until_ns = daemon->next_beat_ns < end_ns ? daemon->next_beat_ns : end_ns;
        uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        int signo = read_signal(daemon, (int)((wait_ns + ns_per_ms - 1) / ns_per_ms));
        if (signo != 0 || tick_ns() >= end_ns)
            return signo;
    }
}
