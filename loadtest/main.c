// ctrload: the command line, the requests, the threads, the report.

#include "base/cfg.h"
#include "base/file.h"
#include "base/tick.h"
#include "base/version.h"
#include "loadtest/client.h"
#include "loadtest/corpus.h"
#include "loadtest/report.h"

#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct load_config {
#define CFG(...) CFG_FIELD(__VA_ARGS__)
#include "loadtest/load_config.def"
#undef CFG
};

static const struct cfg_option options[] = {
#define CFG(...) CFG_ROW(struct load_config, __VA_ARGS__)
#include "loadtest/load_config.def"
#undef CFG
};
static const struct cfg_table table = {options, sizeof(options) / sizeof(options[0]), "CTRLOAD_"};

enum { MAIN_MAX_SETS = 64, MAIN_MAX_TEXT = 64 << 20 };
static const uint64_t second_ns = 1000000000;
static const uint64_t progress_ns = 200000000;

static bool stopped; // by a signal; read by every thread, a moment later is soon enough

struct load {
    struct load_config config;
    const char *headers[MAIN_MAX_SETS]; // (header_count) of argv
    size_t header_count;
    struct corpus corpus;
    struct client_plan plan;
    struct client **clients; // (config.threads)
    pthread_t *threads;
    size_t running;
};

static const char help_top[] =
    "ctrload: sends HTTP requests at a given rate, whatever the server does, and tells how long "
    "they\n"
    "took from the moment that they were due.\n"
    "\n"
    "Usage: ctrload [--KEY VALUE]...\n"
    "\n"
    "Examples:\n"
    "  ctrload --bodies requests.jsonl --rate 2000 --duration 30\n"
    "  ctrload --bodies requests.jsonl --rate 2000 --deadline-ms 50 --window-ms 1000 --json "
    "run.json\n"
    "  ctrload --method GET --path /livez --connections 512          (closed loop: as fast as it "
    "goes)\n"
    "  ctrload --bodies requests.jsonl --header 'Authorization: Bearer x' --header 'X-Test: 1'\n"
    "\n"
    "Exit codes: 0 the run is over, whatever was answered; 1 it could not be run; 2 usage.\n"
    "\n"
    "--header 'Name: value' is a header line more, and may be given several times.\n"
    "Options (key, default, meaning):\n";

static bool is_stopped(void)
{
    return __atomic_load_n(&stopped, __ATOMIC_RELAXED);
}

static void on_signal(int signo)
{
    (void)signo;
    __atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
}

// ---- the run ---------------------------------------------------------------------------------

static enum status find_server(struct load *load, struct diag *reterr)
{
    const struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[16];
    snprintf(port, sizeof(port), "%d", (int)load->config.port);
    if (getaddrinfo(load->config.host, port, &wanted, &found) != 0)
        return diag_set(reterr, STATUS_USAGE, "--host: '%s' is not a numeric address",
                        load->config.host);
    memcpy(&load->plan.address, found->ai_addr, found->ai_addrlen);
    load->plan.address_size = found->ai_addrlen;
    freeaddrinfo(found);
    return STATUS_OK;
}

static void make_plan(struct load *load)
{
    const struct load_config *config = &load->config;
    struct client_plan *plan = &load->plan;
    plan->requests = load->corpus.requests;
    plan->request_count = load->corpus.count;
    plan->bodiless = strcmp(config->method, "HEAD") == 0;
    plan->threads = (size_t)config->threads;
    plan->per_second = config->rate / (double)plan->threads;
    plan->poisson = config->arrivals == 0;
    plan->retry_stale = config->retry_stale;
    plan->seed = (uint64_t)config->seed;
    plan->warmup_ns = (uint64_t)(config->warmup * 1e9);
    plan->duration_ns = plan->warmup_ns + (uint64_t)(config->duration * 1e9);
    plan->window_ns = (uint64_t)config->window_ms * 1000000;
    plan->timeout_ns = (uint64_t)(config->timeout * 1e9);
    plan->deadline_ns = (uint64_t)config->deadline_ms * 1000000;
    plan->connections = (size_t)config->connections;
    plan->max_backlog = (size_t)config->max_backlog;
    plan->stop = &stopped;
    plan->start_ns = tick_ns() + second_ns / 20;
}

static void raise_file_limit(const struct load_config *config)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)config->connections + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < need) {
        limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // what is lacking shows as errors of connect
    }
}

static void *run_client(void *argument)
{
    client_run(argument);
    return NULL;
}

static void pin(const struct load *load, size_t thread)
{
    const struct cfg_ints *cpus = &load->config.cpus;
    cpu_set_t set;
    if (cpus->count == 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpus->items[thread % cpus->count], &set);
    if (pthread_setaffinity_np(load->threads[thread], sizeof(set), &set) != 0)
        fprintf(stderr, "ctrload: core %d cannot be had\n", (int)cpus->items[thread % cpus->count]);
}

static enum status start(struct load *load, struct diag *reterr)
{
    size_t count = (size_t)load->config.threads;
    load->clients = calloc(count, sizeof(struct client *));
    load->threads = calloc(count, sizeof(*load->threads));
    if (load->clients == NULL || load->threads == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the threads");
    for (size_t i = 0; i < count; i++)
        TRY(client_new(&load->plan, (unsigned)i, &load->clients[i], reterr));
    for (; load->running < count; load->running++) {
        pthread_t *thread = &load->threads[load->running];
        if (pthread_create(thread, NULL, run_client, load->clients[load->running]) != 0)
            return diag_set(reterr, STATUS_IO, "a thread cannot be made");
        pin(load, load->running);
    }
    return STATUS_OK;
}

static void show_progress(const struct load *load)
{
    const double whole = (double)load->plan.duration_ns * 1e-9;
    while (isatty(STDERR_FILENO)) {
        double seconds = (double)(tick_ns() - load->plan.start_ns) * 1e-9;
        if (seconds >= whole || is_stopped())
            break;
        int done = seconds > 0 ? (int)(40 * seconds / whole) : 0;
        fprintf(stderr, "\r[%-40.*s] %5.1f of %.1f s ", done,
                "########################################", seconds > 0 ? seconds : 0.0, whole);
        struct timespec pause = {.tv_nsec = (long)progress_ns};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%60s\r", "");
}

static void join_all(struct load *load)
{
    for (; load->running > 0; load->running--)
        pthread_join(load->threads[load->running - 1], NULL);
}

// ---- the report ------------------------------------------------------------------------------

static struct report_connection *connections_of(const struct load *load, size_t *ret_count)
{
    struct report_connection *all = calloc(load->plan.connections, sizeof(*all));
    *ret_count = 0;
    for (size_t i = 0; all != NULL && i < load->plan.threads; i++) {
        const struct client *client = load->clients[i];
        for (size_t k = 0; k < client_connections(client); k++) {
            struct report_connection *one = &all[(*ret_count)++];
            client_connection(client, k, &one->count, &one->worst_ns, &one->median_ns);
        }
    }
    return all;
}

static enum status put_out(const struct load *load, const struct report *report,
                           struct diag *reterr)
{
    const char *path = load->config.json;
    bool is_stdout = strcmp(path, "-") == 0;
    struct buf text;
    buf_init(&text, MAIN_MAX_TEXT);
    if (path[0] != '\0')
        report_json(report, &text);
    enum status code = buf_status(&text);
    if (code == STATUS_OK && path[0] != '\0' && !is_stdout)
        code = file_write_atomic(path, text.data, text.size, reterr);
    if (!is_stdout) {
        buf_clear(&text);
        report_table(report, &text);
    }
    if (code == STATUS_OK && fwrite(text.data, 1, text.size, stdout) != text.size)
        code = diag_errno(reterr, "stdout", "write");
    buf_fini(&text);
    return code;
}

// That were counted: all of them, unless a signal came before.
static double counted_seconds(const struct load *load, uint64_t end_ns)
{
    double since = ((double)end_ns - (double)load->plan.start_ns) * 1e-9 - load->config.warmup;
    if (!is_stopped() || since > load->config.duration)
        return load->config.duration;
    return since > 0 ? since : 0;
}

static enum status tell(const struct load *load, uint64_t end_ns, struct diag *reterr)
{
    struct tally all;
    if (tally_init(&all, client_tally(load->clients[0])->window_count) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the report");
    for (size_t i = 0; i < (size_t)load->config.threads; i++)
        tally_merge(&all, client_tally(load->clients[i]));
    struct report report = {
        .tally = &all,
        .seconds = counted_seconds(load, end_ns),
        .interrupted = is_stopped(),
        .start_ns = load->plan.start_ns,
        .asked_per_second = load->config.rate,
        .warmup_ns = load->plan.warmup_ns,
        .window_ns = load->plan.window_ns,
        .deadline_ns = load->plan.deadline_ns,
    };
    struct report_connection *connections = NULL;
    if (load->config.rate == 0) {
        report.connections = connections = connections_of(load, &report.connection_count);
        if (connections == NULL) {
            tally_fini(&all);
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the report");
        }
    }
    enum status code = put_out(load, &report, reterr);
    free(connections);
    tally_fini(&all);
    return code;
}

static enum status make_corpus(struct load *load, struct diag *reterr)
{
    const struct load_config *config = &load->config;
    const struct corpus_plan plan = {
        .host = config->host,
        .method = config->method,
        .path = config->path,
        .port = (int)config->port,
        .deadline_ms = config->deadline_ms,
        .headers = load->headers,
        .header_count = load->header_count,
        .bodies = config->bodies,
    };
    return corpus_make(&plan, &load->corpus, reterr);
}

static enum status run(struct load *load, struct diag *reterr)
{
    if (load->config.threads > load->config.connections)
        return diag_set(reterr, STATUS_USAGE, "--threads: more than connections");
    TRY(make_corpus(load, reterr));
    TRY(find_server(load, reterr));
    raise_file_limit(&load->config);
    make_plan(load);
    enum status code = start(load, reterr);
    if (code != STATUS_OK)
        on_signal(0); // those that run end
    else
        show_progress(load);
    join_all(load);
    return code == STATUS_OK ? tell(load, tick_ns(), reterr) : code;
}

static void release(struct load *load)
{
    for (size_t i = 0; load->clients != NULL && i < (size_t)load->config.threads; i++)
        client_free(load->clients[i]);
    free(load->clients);
    free(load->threads);
    corpus_fini(&load->corpus);
    cfg_fini(&table, &load->config);
}

// "--key value" and "--key=value" as sets of base/cfg; --header, which may come again, apart.
static enum status read_arguments(int argc, char **argv, struct load *load, char **sets,
                                  size_t *ret_count, struct diag *reterr)
{
    *ret_count = 0;
    for (int i = 1; i < argc; i++) {
        const char *key = argv[i] + 2;
        size_t length = strcspn(key, "=");
        if (strncmp(argv[i], "--", 2) != 0 || *ret_count + load->header_count == MAIN_MAX_SETS)
            return diag_set(reterr, STATUS_USAGE, "'%s' is not expected; see ctrload --help",
                            argv[i]);
        const char *value = key[length] == '=' ? key + length + 1 : argv[++i];
        if (i == argc)
            return diag_set(reterr, STATUS_USAGE, "--%s: a value is missing", key);
        if (length == strlen("header") && strncmp(key, "header", length) == 0) {
            load->headers[load->header_count++] = value; // at most one for each of MAIN_MAX_SETS
            continue;
        }
        if (asprintf(&sets[*ret_count], "%.*s=%s", (int)length, key, value) < 0)
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for an option");
        (*ret_count)++;
    }
    return STATUS_OK;
}

static int print_help(void)
{
    struct buf text;
    buf_init(&text, MAIN_MAX_TEXT);
    buf_text(&text, help_top);
    cfg_help(&table, &text);
    fwrite(text.data, 1, text.size, stdout);
    buf_fini(&text);
    return 0;
}

int main(int argc, char **argv)
{
    static struct load load;
    char *sets[MAIN_MAX_SETS];
    size_t set_count = 0;
    struct diag diag = {0};
    struct yamldoc *doc = NULL;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return print_help();
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("ctrload %s (%s)\n", version_string(), version_commit()) < 0;
    enum status code = read_arguments(argc, argv, &load, sets, &set_count, &diag);
    const struct cfg_sources sources = {.sets = (const char *const *)sets, .set_count = set_count};
    if (code == STATUS_OK)
        code = cfg_load(&table, &sources, &load.config, &doc, &diag);
    if (code == STATUS_OK) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        code = run(&load, &diag);
        release(&load);
    }
    char text[1024];
    if (code != STATUS_OK)
        fprintf(stderr, "ctrload: %s\n", diag_format(&diag, text, sizeof(text)));
    for (size_t i = 0; i < set_count; i++)
        free(sets[i]);
    return code == STATUS_CONFIG ? 2 : status_exit(code);
}
