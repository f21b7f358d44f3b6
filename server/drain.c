#include "server/drain.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/attend.h"
#include "server/reload.h"

#include <signal.h>
#include <string.h>

enum {
    DRAIN_FAST_MS = 600, // INT and QUIT
    // In flight must stay 0 for this long: requests that had reached the kernel get read and
    // answered.
    DRAIN_QUIET_MS = 50,
    DRAIN_LOOK_MS = 5,
    DRAIN_SEND_MS = 300,
};

// Log files are rotated during a drain, too.
static int wait_signal(struct daemon *daemon, int timeout_ms)
{
    int signo = attend_wait(daemon, timeout_ms);
    if (signo == SIGUSR1)
        reload_logs(daemon);
    return signo;
}

static size_t in_flight(const struct daemon *daemon)
{
    return atomic_load_explicit(&daemon->observe.inflight, memory_order_acquire);
}

static bool is_hasty(int signo)
{
    return signo == SIGINT || signo == SIGQUIT;
}

// Time is up: refuses the queue, the loads of models and, after the tile, what is being ranked, and
// leaves the I/O threads a moment to send the replies. What a client has not sent yet is not waited
// for.
static void give_up(struct daemon *daemon)
{
    size_t left = in_flight(daemon);
    queue_close(daemon->queue);
    atomic_store_explicit(&daemon->live.given_up, true, memory_order_relaxed);
    unsigned refused = worker_refuse(daemon->crew);
    worker_stop(daemon->crew);
    daemon->crew = NULL;
    lifecycle_refuse(daemon->lifecycle);
    LOG_EVENT(LOG_WARN, "drain timeout", LOG_I("in_flight", left), LOG_I("refused", refused));
    uint64_t begun = tick_ns();
    while (in_flight(daemon) > 0 && tick_ns() - begun < (uint64_t)DRAIN_SEND_MS * 1000000)
        wait_signal(daemon, DRAIN_LOOK_MS);
}

// Waits until nothing has been in flight for a moment, or `limit_ms`; INT and QUIT shorten the
// wait.
static void finish(struct daemon *daemon, uint64_t limit_ms)
{
    uint64_t begun = tick_ns(), busy = begun;
    while (tick_ns() - begun < (limit_ms + DRAIN_QUIET_MS) * 1000000) {
        if (in_flight(daemon) > 0)
            busy = tick_ns();
        else if (tick_ns() - busy >= (uint64_t)DRAIN_QUIET_MS * 1000000)
            return;
        if (!is_hasty(wait_signal(daemon, DRAIN_LOOK_MS)))
            continue;
        uint64_t hasty_ms = (tick_ns() - begun) / 1000000 + DRAIN_FAST_MS;
        limit_ms = limit_ms < hasty_ms ? limit_ms : hasty_ms;
    }
    give_up(daemon);
}

void drain_run(struct daemon *daemon, int signo)
{
    LOG_EVENT(LOG_INFO, "stopping", LOG_S("signal", sigabbrev_np(signo)),
              LOG_I("in_flight", in_flight(daemon)));
    atomic_store_explicit(&daemon->observe.draining, true, memory_order_release);
    bool gentle = !is_hasty(signo);
    uint64_t now = tick_ns();
    uint64_t delay_end = now + (uint64_t)daemon->config->drain_delay_ms * 1000000;
    for (; gentle && now < delay_end; now = tick_ns())
        gentle = !is_hasty(wait_signal(daemon, (int)((delay_end - now) / 1000000 + 1)));
    daemon_quiesce(daemon);
    finish(daemon, gentle ? (uint64_t)daemon->config->drain_timeout_ms : DRAIN_FAST_MS);
}
