#include "server/server_config.h"

#include "model/store.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct cfg_option options[] = {
#define CFG(...) CFG_ROW(struct server_config, __VA_ARGS__)
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
    if (config->model_folder[0] == '\0')
        return diag_at_path(reterr, STATUS_CONFIG, "model.folder",
                            "no model folder is given; for example --set model.folder=models/ctr");
    if (config->model_name[0] != '\0' && !store_name_valid(span_of(config->model_name)))
        return diag_at_path(reterr, STATUS_CONFIG, "model.name",
                            "'%s' is not a name: a letter, digit or _, then up to 63 of these, "
                            "'.' or '-'",
                            config->model_name);
    return STATUS_OK;
}

enum status server_config_load(const struct cfg_sources *sources, struct server_config *ret_config,
                               struct diag *reterr)
{
    struct server_config config = {0};
    struct yamldoc *doc = NULL;
    TRY(cfg_load(&table, sources, &config, &doc, reterr));
    yamldoc_free(doc); // no option is a tree
    enum status code = check(&config, reterr);
    if (code != STATUS_OK) {
        cfg_fini(&table, &config);
        return code;
    }
    *ret_config = config;
    return STATUS_OK;
}

void server_config_fini(struct server_config *config)
{
    cfg_fini(&table, config);
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
