#include "server/server_config.h"

#include "server/listener.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct cfg_option options[] = {
#define CFG(...) CFG_LIVE_ROW(struct server_config, __VA_ARGS__)
#include "server/server_config.def"
#undef CFG
};

static const struct cfg_table table = {
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .env_prefix = "CTRD_",
};

const struct cfg_table *server_config_table(void)
{
    return &table;
}

static enum status check(const struct server_config *config, struct diag *reterr)
{
    bool folder = config->model_folder[0] != '\0';
    if (config->models == NULL && !folder)
        return diag_at_path(reterr, STATUS_CONFIG, "model.folder",
                            "no model is given; for example --model.folder=models/ctr");
    if (config->models != NULL && folder)
        return diag_at_path(reterr, STATUS_CONFIG, "model.folder",
                            "give either this or models, not both");
    if (config->admin_port >= 0 && config->admin_token_file[0] == '\0')
        return diag_at_path(reterr, STATUS_CONFIG, "admin.token_file", "admin.port needs one");
    if (config->http_max_held_bytes < config->http_max_body_bytes)
        return diag_at_path(
            reterr, STATUS_CONFIG, "http.max_held_bytes",
            "is less than http.max_body_bytes: the largest body could never come in");
    TRY(listener_check(config->http_listen, "http.listen", reterr));
    struct lifecycle_plan plan;
    TRY(server_config_plan(config, &plan, reterr));
    lifecycle_plan_fini(&plan);
    return STATUS_OK;
}

enum status server_config_load(const struct cfg_sources *sources, struct server_config *ret_config,
                               struct diag *reterr)
{
    struct server_config config = {.doc = NULL};
    TRY(cfg_load(&table, sources, &config, &config.doc, reterr));
    enum status code = check(&config, reterr);
    if (code != STATUS_OK) {
        cfg_blame(&table, sources, config.doc, reterr);
        server_config_fini(&config);
        return code;
    }
    *ret_config = config;
    return STATUS_OK;
}

void server_config_fini(struct server_config *config)
{
    cfg_fini(&table, config);
    yamldoc_free(config->doc);
    config->doc = NULL;
}

enum status server_config_plan(const struct server_config *config, struct lifecycle_plan *ret_plan,
                               struct diag *reterr)
{
    if (config->models == NULL)
        return lifecycle_plan_one(config->model_folder, config->model_name, ret_plan, reterr);
    return lifecycle_plan_read(config->models, ret_plan, reterr);
}

const char *server_config_choice(const char *key, int index, char *word, size_t size)
{
    const char *at = NULL;
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.options[i].key, key) == 0)
            at = table.options[i].choices;
    assert(at != NULL);
    for (int i = 0; i < index; i++)
        at = strchr(at, '|') + 1;
    int length = (int)strcspn(at, "|");
    int written = snprintf(word, size, "%.*s", length, at);
    assert(written >= 0 && (size_t)written < size);
    return word;
}
