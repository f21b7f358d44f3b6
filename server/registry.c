#include "server/registry.h"

#include "base/log.h"
#include "base/tick.h"
#include "model/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void log_refusals(const struct store_refusals *refusals)
{
    char text[1024];
    for (size_t i = 0; i < refusals->count; i++)
        LOG_EACH(LOG_ERROR, "model version refused", LOG_I("version", refusals->items[i].version),
                 LOG_S("reason", diag_format(&refusals->items[i].why, text, sizeof(text))));
}

static enum status make_layout(struct registry_model *model)
{
    const struct schema *schema = &model->scorer.checkpoint.schema;
    model->fields = calloc(schema->count + 1, sizeof(*model->fields));
    model->crosses = calloc(schema->count + 1, sizeof(*model->crosses));
    if (model->fields == NULL || model->crosses == NULL)
        return STATUS_NO_MEMORY;
    schema_layout(schema, model->fields, model->crosses, &model->layout);
    return STATUS_OK;
}

static void free_model(struct registry_model *model)
{
    free(model->fields);
    free(model->crosses);
    scorer_fini(&model->scorer);
    free(model);
}

// The newest valid version into `model`, whose name is set.
static enum status load(const char *folder, const struct kernels *kernels,
                        struct registry_model *model, struct diag *reterr)
{
    struct store_refusals refusals = {0};
    uint64_t version;
    enum status code = store_newest(folder, kernels, &model->scorer, &version, &refusals, reterr);
    log_refusals(&refusals);
    store_refusals_fini(&refusals);
    if (code != STATUS_OK)
        return code;
    snprintf(model->version, sizeof(model->version), "%" PRIu64, version);
    memcpy(model->sha256, model->scorer.checkpoint.sha256, REGISTRY_SHA_DIGITS);
    if (make_layout(model) != STATUS_OK) {
        free(model->fields);
        free(model->crosses);
        scorer_fini(&model->scorer);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the features of the model");
    }
    return STATUS_OK;
}

enum status registry_open(const char *folder, const char *name, const struct kernels *kernels,
                          struct registry *ret_registry, struct diag *reterr)
{
    char own_name[STORE_NAME_BYTES + 1];
    if (name == NULL || name[0] == '\0') {
        TRY(store_name(folder, own_name, reterr));
        name = own_name;
    }
    struct registry_model *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the model");
    snprintf(model->name, sizeof(model->name), "%s", name);
    uint64_t begun = tick_ns();
    enum status code = load(folder, kernels, model, reterr);
    if (code != STATUS_OK) {
        free(model);
        return code;
    }
    LOG_EVENT(LOG_INFO, "model loaded", LOG_S("model", model->name),
              LOG_S("version", model->version), LOG_S("sha256_12", model->sha256),
              LOG_I("load_us", (tick_ns() - begun) / 1000));
    ret_registry->model = model;
    return STATUS_OK;
}

void registry_close(struct registry *registry)
{
    if (registry->model != NULL)
        free_model(registry->model);
    registry->model = NULL;
}

const struct registry_model *registry_model(const struct registry *registry)
{
    return registry->model;
}
