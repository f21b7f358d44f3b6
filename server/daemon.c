#include "server/daemon.h"

#include "base/log.h"
#include "base/tick.h"
#include "model/kernels/kernels.h"
#include "server/attend.h"
#include "server/drain.h"
#include "server/listener.h"
#include "server/openapi.h"
#include "server/privilege.h"
#include "server/reload.h"
#include "server/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    DAEMON_SPARE_FILES = 128, // beside connections: listeners, signals, epoll, logs, model files
    DAEMON_IO_FILES = 4,      // of an I/O thread
    DAEMON_ADMIN_CONNECTIONS = 128, // of both listeners of the admin plane
    DAEMON_KEEP_BYTES = 64 << 20,   // of buffers that free slots keep
    DAEMON_LOG_RING_BYTES = 1 << 20,
    DAEMON_OPENAPI_BYTES = 1 << 20,
    // Larger blocks are given back to the kernel when they are freed: those of retired models.
    DAEMON_MMAP_BYTES = 256 << 10,
    DAEMON_MOST_IO_THREADS = 64,
    // Of an I/O thread, up to which it ranks itself: hardly anybody waits meanwhile.
    DAEMON_FEW_CONNECTIONS = 4,
};

static enum status open_signals(struct daemon *daemon, struct diag *reterr)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(&set, numbers[i]);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return diag_set(reterr, STATUS_INTERNAL, "signals cannot be blocked");
    daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return daemon->signal_fd >= 0 ? STATUS_OK : diag_errno(reterr, "", "signalfd");
}

// Before it is ready, nobody reads signals. 0: none that ends it has come.
static int signal_to_end(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT};
    sigset_t set;
    for (size_t i = 0; sigpending(&set) == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (sigismember(&set, numbers[i]) == 1)
            return numbers[i];
    return 0;
}

// Before a model is loaded. A start may take as long as its models need.
static bool is_told_to_end(void *context)
{
    enum { LOAD_US = 600000000 };
    const struct daemon *daemon = context;
    if (!atomic_load_explicit(&daemon->observe.started, memory_order_acquire))
        notify_tell(&daemon->notify, "EXTEND_TIMEOUT_USEC=%d\nSTATUS=loading models", LOAD_US);
    return signal_to_end() != 0;
}

// Every connection is a descriptor; the usual soft limit of 1024 is less than the default needs.
static enum status raise_file_limit(const struct daemon *daemon, struct diag *reterr)
{
    rlim_t need = (rlim_t)daemon->config->http_max_connections + 2 * DAEMON_ADMIN_CONNECTIONS +
                  DAEMON_IO_FILES * (rlim_t)daemon->io_threads + DAEMON_SPARE_FILES;
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

// What needs privileges, then their end (spec/security.md 5). A reload needs none.
static enum status open_and_drop(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    struct privilege_ids ids;
    TRY(open_signals(daemon, reterr));
    notify_open(&daemon->notify);
    TRY(raise_file_limit(daemon, reterr));
    TRY(privilege_find(config->security_user, &ids, reterr));
    TRY(doors_open(config, &ids, &daemon->doors, reterr));
    TRY(privilege_drop(&ids, reterr));
    TRY(privilege_lock(reterr));
    return sandbox_enter((enum sandbox_mode)config->security_sandbox, reterr);
}

static unsigned thread_count(const struct daemon *daemon)
{
    return daemon->workers + daemon->io_threads + DAEMON_EXTRA_THREADS;
}

static unsigned first_of_expiry(const struct daemon *daemon)
{
    return thread_count(daemon) - EXPIRY_THREADS;
}

static enum status load_models(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    char name[16];
    server_config_choice("serve.kernels", config->serve_kernels, name, sizeof(name));
    TRY(kernels_choose(name, &daemon->kernels, reterr));
    daemon->registry = registry_new(thread_count(daemon));
    if (daemon->registry == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    struct lifecycle_plan plan;
    TRY(server_config_plan(config, &plan, reterr));
    const struct lifecycle_parts parts = {
        .kernels = daemon->kernels,
        .watch = config->model_watch,
        .rescan_s = (unsigned)config->model_rescan_s,
        .readers = thread_count(daemon),
        .is_over = is_told_to_end,
        .context = daemon,
    };
    enum status code = lifecycle_start(daemon->registry, &plan, &parts, &daemon->lifecycle, reterr);
    lifecycle_plan_fini(&plan);
    return code;
}

static struct serve_limits limits_of(const struct server_config *config)
{
    return (struct serve_limits){
        .max_body_bytes = (size_t)config->http_max_body_bytes,
        .rank = {.max_candidates = (size_t)config->rank_max_candidates,
                 .unknown_ignore = config->rank_unknown_features == 1},
    };
}

static enum status make_serves(struct daemon *daemon, const struct serve_limits *limits,
                               struct diag *reterr)
{
    daemon->here = calloc(daemon->io_threads, sizeof(*daemon->here));
    bool whole = daemon->here != NULL;
    for (unsigned i = 0; whole && i < daemon->io_threads; i++) {
        unsigned thread = daemon->workers + i;
        whole = serve_init(&daemon->here[i], limits, daemon->registry, thread,
                           metric_shard(daemon->metrics.set, thread)) == STATUS_OK;
    }
    unsigned main = first_of_expiry(daemon) - 1;
    pulse_init(&daemon->pulse, daemon->registry, main, metric_shard(daemon->metrics.set, main));
    return whole ? STATUS_OK
                 : diag_set(reterr, STATUS_NO_MEMORY, "no memory for the threads that answer");
}

static enum status make_memory(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    struct serve_limits limits = limits_of(config);
    size_t connections = (size_t)config->http_max_connections + DAEMON_ADMIN_CONNECTIONS;
    const struct slot_limits slots = {
        .max_body_bytes = limits.max_body_bytes,
        .max_reply_bytes = serve_max_reply_bytes(&limits),
        .keep_bytes = DAEMON_KEEP_BYTES,
    };
    admit_init(&daemon->admit, (size_t)config->http_max_held_bytes, daemon->workers);
    daemon->queue = queue_new((size_t)config->serve_queue);
    // Expired slots stand in the queue until a worker finds them there.
    size_t slot_count =
        connections + daemon->workers + (size_t)config->serve_queue + EXPIRY_THREADS;
    daemon->slots = slot_pool_new(slot_count, &slots);
    daemon->https = calloc(daemon->io_threads + 2, sizeof(*daemon->https));
    if (daemon->queue == NULL || daemon->slots == NULL || daemon->https == NULL ||
        server_metrics_init(&daemon->metrics, thread_count(daemon)) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the queue and its requests");
    TRY(make_serves(daemon, &limits, reterr));
    const struct expiry_parts expiry = {
        .slots = slot_count,
        .registry = daemon->registry,
        .metrics = &daemon->metrics,
        .thread = first_of_expiry(daemon),
        .limits = limits,
        .admit = &daemon->admit,
        .live = &daemon->live,
    };
    return expiry_start(&expiry, &daemon->expiry, reterr);
}

static void fill_observe(struct daemon *daemon)
{
    struct observe *observe = &daemon->observe;
    observe->registry = daemon->registry;
    observe->lifecycle = daemon->lifecycle;
    observe->metrics = &daemon->metrics;
    observe->queue = daemon->queue;
    observe->admit = &daemon->admit;
    observe->conns = daemon->conns;
    observe->lines = daemon->lines;
    observe->openapi = buf_view(&daemon->openapi);
    observe->pulse = &daemon->pulse;
    observe->kernels = daemon->kernels->name;
    observe->workers = daemon->workers;
    observe->max_candidates = (size_t)daemon->config->rank_max_candidates;
    daemon->admin.lifecycle = daemon->lifecycle;
}

static enum status start_watchers(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    unsigned transfer_ms = (unsigned)config->http_transfer_timeout_s * 1000;
    struct conns_limits limits = {
        .max_connections = (unsigned)config->http_max_connections,
        .max_per_address = (unsigned)config->http_max_per_address,
        .head_ms = (unsigned)config->http_idle_timeout_s * 1000,
        .body_ms = transfer_ms,
        .write_ms = transfer_ms,
    };
    TRY(conns_start(&limits, &daemon->conns, reterr));
    limits.max_connections = DAEMON_ADMIN_CONNECTIONS;
    limits.max_per_address = 0;
    TRY(conns_start(&limits, &daemon->admin_conns, reterr));
    if (daemon->doors.access_fd == LISTENER_NONE)
        return STATUS_OK;
    TRY(logline_start(daemon->doors.access_fd, DAEMON_LOG_RING_BYTES,
                      (unsigned)config->log_access_per_second, &daemon->lines, reterr));
    daemon->doors.access_fd = LISTENER_NONE; // it is the log's now
    daemon->access.lines = daemon->lines;
    return STATUS_OK;
}

static enum status start_workers(struct daemon *daemon, struct diag *reterr)
{
    const struct worker_parts parts = {
        .queue = daemon->queue,
        .admit = &daemon->admit,
        .registry = daemon->registry,
        .metrics = &daemon->metrics,
        .live = &daemon->live,
        .limits = limits_of(daemon->config),
    };
    return worker_start(&parts, daemon->workers, &daemon->crew, reterr);
}

// Instance `index` of daemon->https, on the thread after the workers.
static enum status start_http(struct daemon *daemon, unsigned index, unsigned planes,
                              enum intake_door door, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    bool is_data = index < daemon->io_threads;
    unsigned thread = daemon->workers + index;
    const struct http_parts parts = {
        .max_connections =
            is_data ? (unsigned)config->http_max_connections : (unsigned)DAEMON_ADMIN_CONNECTIONS,
        .conns = is_data ? daemon->conns : daemon->admin_conns,
        .access = daemon->lines != NULL ? &daemon->access : NULL,
        .intake = {.planes = planes,
                   .door = door,
                   .token = &daemon->doors.token,
                   .max_body_bytes = (size_t)config->http_max_body_bytes,
                   .slots = daemon->slots,
                   .queue = daemon->queue,
                   .expiry = daemon->expiry,
                   .admit = &daemon->admit,
                   .observe = &daemon->observe,
                   .admin = &daemon->admin,
                   .live = &daemon->live,
                   .shard = metric_shard(daemon->metrics.set, thread),
                   .reader = thread,
                   .serve = is_data ? &daemon->here[index] : NULL,
                   // No more threads rank than there are workers.
                   .ranks = is_data && index < daemon->workers,
                   // Fewer threads than workers would leave cores idle.
                   .few_connections =
                       daemon->io_threads >= daemon->workers ? DAEMON_FEW_CONNECTIONS : 1},
    };
    return http_start(&parts, &daemon->https[index], reterr);
}

static enum status start_https(struct daemon *daemon, struct diag *reterr)
{
    const struct doors *doors = &daemon->doors;
    unsigned io = daemon->io_threads;
    unsigned planes =
        ROUTE_DATA | (doors_observe(doors, daemon->config) ? (unsigned)ROUTE_OBSERVE : 0);
    if (doors->admin_socket.fd != LISTENER_NONE)
        TRY(start_http(daemon, io, ROUTE_ADMIN | ROUTE_OBSERVE, INTAKE_PEER, reterr));
    if (doors->admin_fd != LISTENER_NONE)
        TRY(start_http(daemon, io + 1, ROUTE_ADMIN | ROUTE_OBSERVE, INTAKE_TOKEN, reterr));
    for (unsigned i = 0; i < io; i++)
        TRY(start_http(daemon, i, planes, INTAKE_NOBODY, reterr));
    return STATUS_OK;
}

static enum status open_doors(struct daemon *daemon, struct diag *reterr)
{
    struct doors *doors = &daemon->doors;
    struct http *const *admin = daemon->https + daemon->io_threads;
    struct acceptor_door open[ACCEPTOR_MOST_DOORS];
    size_t count = 0;
    TRY(doors_listen(doors, reterr));
    if (doors->admin_socket.fd != LISTENER_NONE)
        open[count++] = (struct acceptor_door){doors->admin_socket.fd, daemon->admin_conns, admin,
                                               1, doors->admin_socket.path[0] == '\0'};
    if (doors->admin_fd != LISTENER_NONE)
        open[count++] =
            (struct acceptor_door){doors->admin_fd, daemon->admin_conns, admin + 1, 1, false};
    open[count++] = (struct acceptor_door){doors->http_fd, daemon->conns, daemon->https,
                                           daemon->io_threads, doors->http_inherited};
    return acceptor_start(open, count, &daemon->acceptor, reterr);
}

static enum status start(struct daemon *daemon, struct diag *reterr)
{
    const struct server_config *config = daemon->config;
    daemon->workers = config->serve_workers > 0 ? (unsigned)config->serve_workers : count_cores();
    daemon->io_threads = (unsigned)config->http_io_threads;
    if (daemon->io_threads == 0)
        daemon->io_threads =
            daemon->workers < DAEMON_MOST_IO_THREADS ? daemon->workers : DAEMON_MOST_IO_THREADS;
    mallopt(M_MMAP_THRESHOLD, DAEMON_MMAP_BYTES);
    TRY(open_and_drop(daemon, reterr));
    TRY(load_models(daemon, reterr));
    TRY(make_memory(daemon, reterr));
    buf_init(&daemon->openapi, DAEMON_OPENAPI_BYTES);
    TRY(openapi_write(&daemon->openapi, reterr));
    TRY(start_watchers(daemon, reterr));
    fill_observe(daemon);
    reload_take_live(daemon);
    TRY(start_workers(daemon, reterr));
    atomic_store_explicit(&daemon->observe.started, true, memory_order_release);
    attend_start(daemon);
    TRY(start_https(daemon, reterr));
    return open_doors(daemon, reterr);
}

static enum status announce(const struct daemon *daemon, int ready_fd, struct diag *reterr)
{
    const struct doors *doors = &daemon->doors;
    LOG_EVENT(LOG_INFO, "ready", LOG_S("address", daemon->config->http_listen),
              LOG_I("port", doors->http_port), LOG_S("kernels", daemon->kernels->name),
              LOG_I("workers", daemon->workers), LOG_I("io_threads", daemon->io_threads));
    notify_tell(&daemon->notify, "READY=1");
    if (ready_fd < 0)
        return STATUS_OK;
    char line[32];
    int size = doors->admin_fd == LISTENER_NONE
                   ? snprintf(line, sizeof(line), "%u\n", doors->http_port)
                   : snprintf(line, sizeof(line), "%u %u\n", doors->http_port, doors->admin_port);
    if (write(ready_fd, line, (size_t)size) != size)
        return diag_errno(reterr, "", "--ready-fd");
    if (ready_fd > STDERR_FILENO)
        close(ready_fd);
    return STATUS_OK;
}

// That a drain may take, and the end after it.
static uint64_t end_us(const struct server_config *config)
{
    enum { END_MS = 10000 };
    return (uint64_t)(config->drain_delay_ms + config->drain_timeout_ms + END_MS) * 1000;
}

static void run_until_stopped(struct daemon *daemon)
{
    for (;;) {
        int signo = attend_wait(daemon, -1);
        if (signo == SIGHUP) {
            notify_tell(&daemon->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, tick_ns() / 1000);
            reload_all(daemon);
            notify_tell(&daemon->notify, "READY=1");
        } else if (signo == SIGUSR1) {
            reload_logs(daemon);
        } else if (signo == SIGUSR2) {
            reload_tell(daemon);
        } else if (signo != 0) {
            notify_tell(&daemon->notify,
                        "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRIu64,
                        end_us(daemon->config));
            drain_run(daemon, signo);
            return;
        }
    }
}

void daemon_quiesce(struct daemon *daemon)
{
    acceptor_stop(daemon->acceptor);
    daemon->acceptor = NULL;
    doors_shut(&daemon->doors);
}

// In the opposite order of the start. Who answers requests first: that wakes every sleeping
// connection, and the HTTP library must not be stopped while one sleeps. What a request needs to be
// refused is freed after the last of its threads.
static void stop(struct daemon *daemon)
{
    acceptor_stop(daemon->acceptor);
    if (daemon->queue != NULL)
        queue_close(daemon->queue);
    worker_stop(daemon->crew);
    lifecycle_stop(daemon->lifecycle);
    expiry_stop(daemon->expiry);
    for (unsigned i = 0; daemon->https != NULL && i < daemon->io_threads + 2; i++)
        http_stop(daemon->https[i]);
    free(daemon->https);
    expiry_free(daemon->expiry);
    lifecycle_free(daemon->lifecycle);
    logline_stop(daemon->lines);
    conns_stop(daemon->conns);
    conns_stop(daemon->admin_conns);
    doors_close(&daemon->doors);
    for (unsigned i = 0; daemon->here != NULL && i < daemon->io_threads; i++)
        serve_fini(&daemon->here[i]);
    free(daemon->here);
    buf_fini(&daemon->openapi);
    slot_pool_free(daemon->slots);
    queue_free(daemon->queue);
    admit_fini(&daemon->admit);
    server_metrics_fini(&daemon->metrics);
    registry_free(daemon->registry);
    if (daemon->signal_fd >= 0)
        close(daemon->signal_fd);
    pulse_fini(&daemon->pulse);
    notify_close(&daemon->notify);
}

enum status daemon_run(struct server_config *config, const struct cfg_sources *sources,
                       int ready_fd, struct diag *reterr)
{
    struct daemon daemon = {
        .config = config, .sources = sources, .signal_fd = -1, .notify = {.fd = -1}};
    doors_init(&daemon.doors);
    enum status code = start(&daemon, reterr);
    int early = code != STATUS_OK ? signal_to_end() : 0;
    if (code == STATUS_OK)
        code = announce(&daemon, ready_fd, reterr);
    if (code == STATUS_OK)
        run_until_stopped(&daemon);
    size_t left = atomic_load_explicit(&daemon.observe.inflight, memory_order_relaxed);
    stop(&daemon);
    if (early != 0) // what was left undone is no fault
        LOG_EVENT(LOG_INFO, "stopped before it was ready", LOG_S("signal", sigabbrev_np(early)));
    else if (code == STATUS_OK)
        LOG_EVENT(LOG_INFO, "stopped", LOG_I("in_flight", left));
    return early != 0 ? STATUS_OK : code;
}
