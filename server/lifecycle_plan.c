// The plan of models: read from YAML, copied, freed.
#include "base/num.h"
#include "server/lifecycle.h"
#include "server/lifecycle_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_KEEP = 1 };

// In a request it stands where a version may stand; in the configuration, "latest" does.
bool lifecycle_label_valid(const char *name)
{
    return store_name_valid(span_of(name)) && !(name[0] >= '0' && name[0] <= '9') &&
           strcmp(name, "latest") != 0;
}

static enum status fail(const struct yamldoc_node *node, struct diag *reterr, const char *words)
{
    if (reterr == NULL)
        return STATUS_CONFIG;
    diag_at_path(reterr, STATUS_CONFIG, "models", "%s", words);
    reterr->line = node->line;
    reterr->column = node->column;
    return STATUS_CONFIG;
}

static enum status unknown_key(const struct yamldoc_node *key, struct diag *reterr)
{
    char words[160];
    snprintf(words, sizeof(words), "'%.60s' is none of name, folder, keep, versions and labels",
             key->kind == YAMLDOC_SCALAR ? key->text.data : "");
    return fail(key, reterr, words);
}

static enum status set_folder(struct lifecycle_model *model, const char *folder,
                              struct diag *reterr)
{
    free(model->folder);
    model->folder = strdup(folder);
    return model->folder != NULL ? STATUS_OK
                                 : diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
}

static enum status read_name(const struct yamldoc_node *node, char name[STORE_NAME_BYTES + 1],
                             struct diag *reterr)
{
    if (node->kind != YAMLDOC_SCALAR || !store_name_valid(node->text))
        return fail(node, reterr,
                    "expected a name: a letter, digit or _, then up to 63 of these, '.' or '-'");
    memcpy(name, node->text.data, node->text.size);
    name[node->text.size] = '\0';
    return STATUS_OK;
}

static enum status read_version(const struct yamldoc_node *node, uint64_t *ret_version,
                                struct diag *reterr)
{
    if (node->kind != YAMLDOC_SCALAR || !store_version_parse(node->text, ret_version))
        return fail(node, reterr, "expected a version, a whole number above 0");
    return STATUS_OK;
}

static enum status read_versions(const struct yamldoc_node *node, struct lifecycle_model *model,
                                 struct diag *reterr)
{
    if (node->kind != YAMLDOC_LIST || node->count == 0 || node->count > REGISTRY_MOST_VERSIONS)
        return fail(node, reterr, "expected a list of 1 to 8 versions");
    for (size_t i = 0; i < node->count; i++) {
        TRY(read_version(node->items[i], &model->versions[i], reterr));
        for (size_t k = 0; k < i; k++)
            if (model->versions[k] == model->versions[i])
                return fail(node->items[i], reterr, "a version stands there twice");
    }
    model->version_count = node->count;
    return STATUS_OK;
}

static enum status read_keep(const struct yamldoc_node *node, struct lifecycle_model *model,
                             struct diag *reterr)
{
    uint64_t keep = 0;
    if (node->kind != YAMLDOC_SCALAR || num_parse_u64(node->text, &keep) != STATUS_OK ||
        keep == 0 || keep > REGISTRY_MOST_VERSIONS / 2)
        return fail(node, reterr, "keep: expected 1 to 4 versions");
    model->keep = (unsigned)keep;
    return STATUS_OK;
}

static enum status read_labels(const struct yamldoc_node *node, struct lifecycle_model *model,
                               struct diag *reterr)
{
    if (node->kind != YAMLDOC_MAP || node->count > REGISTRY_MOST_LABELS)
        return fail(node, reterr, "labels: expected a map of at most 8 names to versions");
    for (size_t i = 0; i < node->count; i++) {
        struct lifecycle_label *label = &model->labels[i];
        TRY(read_name(node->keys[i], label->name, reterr));
        if (!lifecycle_label_valid(label->name))
            return fail(node->keys[i], reterr, "a label begins with no digit, and is not latest");
        label->version = 0;
        const struct yamldoc_node *item = node->items[i];
        if (item->kind != YAMLDOC_SCALAR ||
            (!span_is(item->text, "latest") && !store_version_parse(item->text, &label->version)))
            return fail(item, reterr, "expected a version, a whole number above 0, or latest");
    }
    model->label_count = node->count;
    return STATUS_OK;
}

static enum status read_member(const struct yamldoc_node *key, const struct yamldoc_node *item,
                               struct lifecycle_model *model, struct diag *reterr)
{
    if (span_is(key->text, "name"))
        return read_name(item, model->name, reterr);
    if (span_is(key->text, "keep"))
        return read_keep(item, model, reterr);
    if (span_is(key->text, "versions"))
        return read_versions(item, model, reterr);
    if (span_is(key->text, "labels"))
        return read_labels(item, model, reterr);
    if (!span_is(key->text, "folder"))
        return unknown_key(key, reterr);
    if (item->kind != YAMLDOC_SCALAR || item->text.size == 0)
        return fail(item, reterr, "folder: expected a path");
    return set_folder(model, item->text.data, reterr);
}

// Listed and labelled ones are all resident, and one more until a label has moved to it. (Those of
// `keep` may have the labels, or not.)
static enum status check_room(const struct yamldoc_node *node, const struct lifecycle_model *model,
                              struct diag *reterr)
{
    size_t labelled = 0;
    for (size_t i = 0; i < model->label_count; i++) {
        uint64_t version = model->labels[i].version;
        bool again = version == 0;
        for (size_t k = 0; k < model->version_count; k++)
            again = again || model->versions[k] == version;
        for (size_t k = 0; k < i; k++)
            again = again || model->labels[k].version == version;
        labelled += !again;
    }
    if (model->version_count == 0 || labelled == 0 ||
        model->version_count + labelled < REGISTRY_MOST_VERSIONS)
        return STATUS_OK;
    return fail(
        node, reterr,
        "there is no room for more than 8: listed, labelled, and one to which a label moves");
}

static enum status read_model(const struct yamldoc_node *node, struct lifecycle_model *model,
                              struct diag *reterr)
{
    if (node->kind != YAMLDOC_MAP)
        return fail(node, reterr, "expected a map with a folder");
    for (size_t i = 0; i < node->count; i++)
        TRY(read_member(node->keys[i], node->items[i], model, reterr));
    if (model->folder == NULL)
        return fail(node, reterr, "a model has no folder");
    if (model->keep > 0 && model->version_count > 0)
        return fail(node, reterr, "give either keep or versions, not both");
    if (model->version_count == 0 && model->keep == 0)
        model->keep = PLAN_KEEP;
    TRY(check_room(node, model, reterr));
    if (model->name[0] != '\0' || store_name(model->folder, model->name, NULL) == STATUS_OK)
        return STATUS_OK;
    return fail(node, reterr, "the folder's name is no name of a model: give one, name: ...");
}

static enum status check_twice(const struct lifecycle_plan *plan, const struct yamldoc_node *node,
                               struct diag *reterr)
{
    const struct lifecycle_model *last = &plan->models[plan->count - 1];
    for (size_t i = 0; i + 1 < plan->count; i++)
        if (strcmp(plan->models[i].name, last->name) == 0)
            return fail(node, reterr, "two models have one name");
    return STATUS_OK;
}

enum status lifecycle_plan_read(const struct yamldoc_node *models, struct lifecycle_plan *ret_plan,
                                struct diag *reterr)
{
    if (models->kind != YAMLDOC_LIST || models->count == 0 || models->count > REGISTRY_MOST_MODELS)
        return fail(models, reterr, "expected a list of 1 to 64 models");
    struct lifecycle_plan plan = {.models = calloc(models->count, sizeof(*plan.models))};
    if (plan.models == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    enum status code = STATUS_OK;
    while (code == STATUS_OK && plan.count < models->count) {
        const struct yamldoc_node *node = models->items[plan.count];
        code = read_model(node, &plan.models[plan.count++], reterr);
        if (code == STATUS_OK)
            code = check_twice(&plan, node, reterr);
    }
    if (code != STATUS_OK) {
        lifecycle_plan_fini(&plan);
        return code;
    }
    *ret_plan = plan;
    return STATUS_OK;
}

enum status lifecycle_plan_one(const char *folder, const char *name,
                               struct lifecycle_plan *ret_plan, struct diag *reterr)
{
    struct lifecycle_plan plan = {.models = calloc(1, sizeof(*plan.models)), .count = 1};
    if (plan.models == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    struct lifecycle_model *model = plan.models;
    model->keep = PLAN_KEEP;
    enum status code = set_folder(model, folder, reterr);
    if (code == STATUS_OK && name[0] == '\0')
        code = store_name(folder, model->name, reterr);
    else if (code == STATUS_OK && !store_name_valid(span_of(name)))
        code = diag_at_path(reterr, STATUS_CONFIG, "model.name",
                            "'%s' is not a name: a letter, digit or _, then up to 63 of these, "
                            "'.' or '-'",
                            name);
    else if (code == STATUS_OK)
        snprintf(model->name, sizeof(model->name), "%s", name);
    if (code != STATUS_OK) {
        lifecycle_plan_fini(&plan);
        return code;
    }
    *ret_plan = plan;
    return STATUS_OK;
}

static bool asks_for(const struct lifecycle_model *model, uint64_t version)
{
    for (size_t i = 0; i < model->version_count; i++)
        if (model->versions[i] == version)
            return true;
    return model->keep > 0;
}

uint64_t lifecycle_plans_stable(const struct lifecycle_model *model)
{
    for (size_t i = 0; i < model->label_count; i++)
        if (strcmp(model->labels[i].name, "stable") == 0)
            return model->labels[i].version;
    return 0;
}

static enum status check_model(const struct lifecycle_model *model, struct diag *reterr)
{
    struct store_list list = {0};
    TRY(store_versions(model->folder, &list, reterr));
    size_t found = 0;
    uint64_t stable = lifecycle_plans_stable(model);
    bool has_stable = stable == 0;
    for (size_t i = 0; i < list.count; i++) {
        found += asks_for(model, list.versions[i]);
        has_stable = has_stable || list.versions[i] == stable;
    }
    store_list_fini(&list);
    if (found == 0)
        return diag_set(reterr, STATUS_CONFIG, "%s: model '%s' has no version %s", model->folder,
                        model->name,
                        model->keep > 0 ? "N/" STORE_FILE : "of those that are listed");
    if (!has_stable)
        return diag_set(reterr, STATUS_CONFIG,
                        "%s: model '%s' has no version %" PRIu64 ", which is to be stable",
                        model->folder, model->name, stable);
    return STATUS_OK;
}

enum status lifecycle_plan_check(const struct lifecycle_plan *plan, struct diag *reterr)
{
    for (size_t i = 0; i < plan->count; i++)
        TRY(check_model(&plan->models[i], reterr));
    return STATUS_OK;
}

enum status lifecycle_plan_copy(const struct lifecycle_plan *plan, struct lifecycle_plan *ret_copy,
                                struct diag *reterr)
{
    struct lifecycle_plan copy = {.models = calloc(plan->count, sizeof(*copy.models))};
    if (copy.models == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
    for (; copy.count < plan->count; copy.count++) {
        struct lifecycle_model *model = &copy.models[copy.count];
        *model = plan->models[copy.count];
        model->folder = strdup(plan->models[copy.count].folder);
        if (model->folder == NULL) {
            lifecycle_plan_fini(&copy);
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the models");
        }
    }
    *ret_copy = copy;
    return STATUS_OK;
}

void lifecycle_plan_fini(struct lifecycle_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free(plan->models[i].folder);
    free(plan->models);
    *plan = (struct lifecycle_plan){.models = NULL};
}
