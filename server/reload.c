#include "server/reload.h"

#include "base/log.h"
#include "server/daemon_parts.h"

#include <string.h>
#include <unistd.h>

static void tell_fault(const char *event, const struct diag *diag)
{
    char text[1024];
    LOG_EVENT(LOG_ERROR, event, LOG_S("why", diag_format(diag, text, sizeof(text))));
}

void reload_take_live(struct daemon *daemon)
{
    const struct server_config *config = daemon->config;
    atomic_store_explicit(&daemon->live.timeout_ns, (uint64_t)config->rank_timeout_ms * 1000000,
                          memory_order_relaxed);
    atomic_store_explicit(&daemon->live.on_deadline, config->rank_on_deadline,
                          memory_order_relaxed);
    log_level_set((enum log_level)config->log_level);
    if (daemon->lines != NULL)
        logline_rate(daemon->lines, (unsigned)config->log_access_per_second);
}

static void tell_fixed(void *context, const char *key)
{
    (void)context;
    LOG_EACH(LOG_WARN, "option changed, needs a restart", LOG_S("key", key));
}

// The models' plan first: it may be refused, and then nothing is taken.
static enum status take_all(struct daemon *daemon, struct server_config *fresh, struct diag *reterr)
{
    struct lifecycle_plan plan;
    TRY(server_config_plan(fresh, &plan, reterr));
    enum status code = lifecycle_plan_check(&plan, reterr);
    if (code == STATUS_OK)
        code = lifecycle_configure(daemon->lifecycle, &plan, reterr);
    lifecycle_plan_fini(&plan);
    if (code != STATUS_OK)
        return code;
    cfg_take_live(server_config_table(), daemon->config, fresh, tell_fixed, NULL);
    reload_take_live(daemon);
    return STATUS_OK;
}

void reload_all(struct daemon *daemon)
{
    struct server_config fresh;
    struct diag diag = {0};
    enum status code = server_config_load(daemon->sources, &fresh, &diag);
    if (code == STATUS_OK) {
        code = take_all(daemon, &fresh, &diag);
        server_config_fini(&fresh);
    }
    if (code != STATUS_OK) {
        tell_fault("configuration refused, the old one stays", &diag);
        return;
    }
    lifecycle_rescan(daemon->lifecycle);
    LOG_EVENT(LOG_INFO, "configuration taken",
              LOG_S("file", daemon->sources->file != NULL ? daemon->sources->file : ""));
}

void reload_logs(struct daemon *daemon)
{
    struct diag diag = {0};
    if (log_reopen(&diag) != STATUS_OK)
        tell_fault("log file cannot be opened anew", &diag);
    const char *path = daemon->config->log_access_file;
    if (daemon->lines == NULL || strcmp(path, "-") == 0)
        return;
    int fd;
    if (doors_open_log(path, &fd, &diag) != STATUS_OK)
        tell_fault("access log cannot be opened anew", &diag);
    else
        logline_reopen(daemon->lines, fd);
}

void reload_tell(struct daemon *daemon)
{
    LOG_EACH(
        LOG_INFO, "state",
        LOG_I("in_flight", atomic_load_explicit(&daemon->observe.inflight, memory_order_relaxed)),
        LOG_I("queue_depth", queue_depth(daemon->queue)),
        LOG_I("connections", conns_count(daemon->conns)),
        LOG_I("held_bytes", atomic_load_explicit(&daemon->admit.bytes, memory_order_relaxed)));
}
