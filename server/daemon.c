#include "server/daemon.h"

#include "base/log.h"
#include "base/queue.h"
#include "base/tick.h"
#include "model/kernels/kernels.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/observe.h"
#include "server/registry.h"
#include "server/worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    DAEMON_FAST_MS = 1000, // INT and QUIT
    // In flight must stay 0 for this long: requests that had reached the kernel get read and
    // answered.
    DAEMON_QUIET_MS = 50,
    DAEMON_LOOK_MS = 5,
    DAEMON_SEND_MS = 100,
    DAEMON_SPARE_FILES = 64, // beside connections: listener, signals, epoll, /proc, model files
};

struct daemon {
    const struct server_config *config;
    int signal_fd, listen_fd;
    uint16_t port;
    unsigned workers;
    struct registry registry;
    struct server_metrics metrics;
    struct queue *queue;
    struct slot_pool *slots;
    struct observe observe;
    struct worker_crew *crew;
    struct http *http;
};

static enum status open_signals(struct daemon *daemon, struct diag *reterr)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return diag_set(reterr, STATUS_INTERNAL, "signals cannot be blocked");
    daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (daemon->signal_fd < 0)
        return diag_errno(reterr, "", "signalfd");
    return STATUS_OK;
}

// The next signal, or 0 after `timeout_ms` (-1: no limit).
static int wait_signal(const struct daemon *daemon, int timeout_ms)
{
    struct pollfd probe = {.fd = daemon->signal_fd, .events = POLLIN};
    while (poll(&probe, 1, timeout_ms) < 0 && errno == EINTR)
        ;
    struct signalfd_siginfo info;
    if (read(daemon->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

// Every connection is a descriptor; the usual soft limit of 1024 is less than the default needs.
static enum status raise_file_limit(const struct server_config *config, struct diag *reterr)
{
    rlim_t need = (rlim_t)config->http_max_connections + DAEMON_SPARE_FILES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return diag_errno(reterr, "", "getrlimit");
    if (limit.rlim_cur >= need)
        return STATUS_OK;
    if (limit.rlim_max < need)
        return diag_at_path(reterr, STATUS_CONFIG, "http.max_connections",
                            "needs %llu file descriptors, the process may have %llu",
                            (unsigned long long)need, (unsigned long long)limit.rlim_max);
    limit.rlim_cur = need;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? STATUS_OK : diag_errno(reterr, "", "setrlimit");
}

static unsigned count_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

static enum status load_model(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    char name[16];
    server_config_choice("serve.kernels", config->serve_kernels, name, sizeof(name));
    const struct kernels *kernels;
    TRY(kernels_choose(name, &kernels, reterr));
    return registry_open(config->model_folder, config->model_name, kernels, &daemon->registry,
                         reterr);
}

static enum status start_threads(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    struct worker_parts parts = {
        .registry = &daemon->registry,
        .metrics = &daemon->metrics,
        .limits = {.max_body_bytes = (size_t)config->http_max_body_bytes,
                   .rank = {.max_candidates = (size_t)config->rank_max_candidates,
                            .unknown_ignore = config->rank_unknown_features == 1}},
        .wake = http_wake,
    };
    unsigned connections = (unsigned)config->http_max_connections;
    daemon->workers = config->serve_workers > 0 ? (unsigned)config->serve_workers : count_cores();
    parts.queue = daemon->queue = queue_new((size_t)config->serve_queue);
    parts.slots = daemon->slots =
        slot_pool_new(connections + daemon->workers, parts.limits.max_body_bytes,
                      serve_max_reply_bytes(&parts.limits));
    if (daemon->queue == NULL || daemon->slots == NULL ||
        server_metrics_init(&daemon->metrics, daemon->workers) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the queue and its requests");
    daemon->observe.registry = &daemon->registry;
    daemon->observe.metrics = &daemon->metrics;
    daemon->observe.queue = daemon->queue;
    daemon->observe.workers = daemon->workers;
    TRY(worker_start(&parts, daemon->workers, &daemon->crew, reterr));
    const struct http_parts http = {
        .listen_fd = daemon->listen_fd,
        .max_body_bytes = parts.limits.max_body_bytes,
        .max_connections = connections,
        .idle_timeout_s = (unsigned)config->http_idle_timeout_s,
        .slots = daemon->slots,
        .queue = daemon->queue,
        .observe = &daemon->observe,
        .shard = metric_shard(daemon->metrics.set, 0),
    };
    TRY(http_start(&http, &daemon->http, reterr));
    daemon->listen_fd = -1; // it is the HTTP server's now
    return STATUS_OK;
}

static enum status start(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    TRY(open_signals(daemon, reterr));
    TRY(raise_file_limit(config, reterr));
    TRY(listener_open(config->http_listen, (uint16_t)config->http_port, &daemon->listen_fd,
                      &daemon->port, reterr));
    TRY(load_model(daemon, reterr));
    return start_threads(daemon, reterr);
}

static enum status announce(const struct daemon *daemon, int ready_fd, struct diag *reterr)
{
    const struct registry_model *model = registry_model(&daemon->registry);
    LOG_EVENT(LOG_INFO, "ready", LOG_S("address", daemon->config->http_listen),
              LOG_I("port", daemon->port), LOG_S("model", model->name),
              LOG_S("version", model->version), LOG_S("kernels", model->scorer.kernels->name),
              LOG_I("workers", daemon->workers));
    if (ready_fd < 0)
        return STATUS_OK;
    char line[16];
    int size = snprintf(line, sizeof(line), "%u\n", (unsigned)daemon->port);
    if (write(ready_fd, line, (size_t)size) != size)
        return diag_errno(reterr, "", "--ready-fd");
    close(ready_fd);
    return STATUS_OK;
}

static size_t in_flight(const struct daemon *daemon)
{
    return atomic_load_explicit(&daemon->observe.inflight, memory_order_acquire);
}

// Time is up: refuses the queue, waits for what is being ranked, and leaves the I/O thread a moment
// to send the replies. What a client has not sent yet is not waited for.
static void give_up(struct daemon *daemon)
{
    size_t left = in_flight(daemon);
    queue_close(daemon->queue);
    unsigned refused = worker_refuse(daemon->crew);
    worker_stop(daemon->crew);
    daemon->crew = NULL;
    LOG_EVENT(LOG_WARN, "drain timeout", LOG_I("in_flight", left), LOG_I("refused", refused));
    uint64_t begun = tick_ns();
    while (in_flight(daemon) > 0 && tick_ns() - begun < (uint64_t)DAEMON_SEND_MS * 1000000)
        wait_signal(daemon, DAEMON_LOOK_MS);
}

// Waits until nothing has been in flight for a moment, or `limit_ms`; INT and QUIT shorten the
// wait.
static void finish(struct daemon *daemon, uint64_t limit_ms)
{
    uint64_t begun = tick_ns(), busy = begun;
    while (tick_ns() - begun < limit_ms * 1000000 + (uint64_t)DAEMON_QUIET_MS * 1000000) {
        if (in_flight(daemon) > 0)
            busy = tick_ns();
        else if (tick_ns() - busy >= (uint64_t)DAEMON_QUIET_MS * 1000000)
            return;
        int signo = wait_signal(daemon, DAEMON_LOOK_MS);
        if (signo == SIGINT || signo == SIGQUIT)
            limit_ms = limit_ms < DAEMON_FAST_MS ? limit_ms : DAEMON_FAST_MS;
    }
    give_up(daemon);
}

static void run_until_signal(struct daemon *daemon)
{
    int signo = 0;
    while (signo == 0)
        signo = wait_signal(daemon, -1);
    LOG_EVENT(LOG_INFO, "stopping", LOG_S("signal", sigabbrev_np(signo)),
              LOG_I("in_flight", in_flight(daemon)));
    atomic_store_explicit(&daemon->observe.draining, true, memory_order_release);
    bool gentle = signo == SIGTERM;
    uint64_t now = tick_ns();
    uint64_t delay_end = now + (uint64_t)daemon->config->drain_delay_ms * 1000000;
    for (; gentle && now < delay_end; now = tick_ns()) {
        signo = wait_signal(daemon, (int)((delay_end - now) / 1000000 + 1));
        gentle = signo != SIGINT && signo != SIGQUIT;
    }
    http_quiesce(daemon->http);
    finish(daemon, gentle ? (uint64_t)daemon->config->drain_timeout_ms : DAEMON_FAST_MS);
}

// In the opposite order of the start. Workers first: they wake every sleeping connection, and the
// HTTP library must not be stopped while one sleeps.
static void stop(struct daemon *daemon)
{
    if (daemon->queue != NULL)
        queue_close(daemon->queue);
    worker_stop(daemon->crew);
    http_stop(daemon->http);
    if (daemon->listen_fd >= 0)
        close(daemon->listen_fd);
    slot_pool_free(daemon->slots);
    queue_free(daemon->queue);
    server_metrics_fini(&daemon->metrics);
    registry_close(&daemon->registry);
    if (daemon->signal_fd >= 0)
        close(daemon->signal_fd);
}

enum status daemon_run(const struct server_config *config, int ready_fd, struct diag *reterr)
{
    struct daemon daemon = {.config = config, .signal_fd = -1, .listen_fd = -1};
    enum status code = start(&daemon, reterr);
    if (code == STATUS_OK)
        code = announce(&daemon, ready_fd, reterr);
    if (code == STATUS_OK)
        run_until_signal(&daemon);
    stop(&daemon);
    if (code == STATUS_OK)
        LOG_EVENT(LOG_INFO, "stopped", LOG_I("in_flight", in_flight(&daemon)));
    return code;
}
