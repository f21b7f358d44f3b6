#include "model/train/train_config.h"

#include "base/file.h"
#include "model/train/net_train.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CFG(field, kind, key, fallback, min, max, choices, help)                                   \
    CFG_ROW(struct train_config, field, kind, key, fallback, min, max, choices, help)
static const struct cfg_option train_config_options[] = {
#include "model/train/train_config.def"
};
#undef CFG

const struct cfg_table train_config_table = {
    train_config_options, sizeof(train_config_options) / sizeof(*train_config_options), "CTR_"};

// Replaces a relative path by folder/path, the folder being absolute.
MUST_USE static enum status train_config_resolve(const char *folder, char **path,
                                                 struct diag *reterr)
{
    if ((*path)[0] == '\0')
        return STATUS_OK;
    char *joined = file_join(folder, *path);
    if (joined == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    free(*path);
    *path = joined;
    return STATUS_OK;
}

MUST_USE static enum status train_config_paths(const char *file, struct train_config *config,
                                               struct diag *reterr)
{
    char real[PATH_MAX];
    char *folder = file_folder_of(file);
    if (folder == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = STATUS_OK;
    if (realpath(folder, real) == NULL)
        code = diag_errno(reterr, folder, "cannot resolve");
    free(folder);
    char **const paths[] = {&config->data_train, &config->data_valid, &config->data_test,
                            &config->data_join, &config->teacher};
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths) && code == STATUS_OK; i++)
        code = train_config_resolve(real, paths[i], reterr);
    return code;
}

MUST_USE static enum status train_config_check(const struct train_config *config,
                                               struct diag *reterr)
{
    const char *words = NULL, *key = NULL;
    const bool needs_teacher = train_config_method(config)->teacher[0] != '\0';
    const bool joint = config->mode == TRAIN_CONFIG_JOINT;
    if (config->data_train[0] == '\0') {
        key = "data.train";
        words = "is missing: name the training file";
    } else if (config->network_hidden.count < 1 ||
               config->network_hidden.count > NET_TRAIN_MAX_HIDDEN) {
        key = "network.hidden";
        words = "must name 1 to 8 layers";
    } else if (config->shallow_hidden.count > NET_TRAIN_MAX_HIDDEN) {
        key = "shallow.hidden";
        words = "must name 0 to 8 layers";
    } else if (config->din_hidden.count < 1 || config->din_hidden.count >= DIN_MAX_LAYERS) {
        key = "din.hidden";
        words = "must name 1 to 7 layers";
    } else if (!needs_teacher && config->teacher[0] != '\0') {
        key = "teacher";
        words = "is used only by methods that need a teacher";
    } else if (!needs_teacher && joint) {
        key = "mode";
        words = "joint needs a method with a teacher";
    } else if (joint && config->teacher[0] != '\0') {
        key = "teacher";
        words = "is trained beside the student in mode joint: leave it out";
    } else if (config->loss_alpha < 0 && config->loss_alpha > -1) {
        key = "loss.alpha";
        words = "is a weight in 0..1, or -1 to take loss.ratio";
    } else if (config->loss_alpha >= 0 && fabs(config->loss_ratio - 1) > 0) {
        key = "loss.alpha";
        words = "and loss.ratio say the same thing: give one of them";
    }
    return words == NULL ? STATUS_OK : diag_at_path(reterr, STATUS_CONFIG, key, "%s", words);
}

enum status train_config_finish(struct train_config *config, const char *file, struct diag *reterr)
{
    TRY(train_config_check(config, reterr));
    return train_config_paths(file, config, reterr);
}

enum status train_config_load(const struct train_config_source *source,
                              struct train_config *ret_config, struct yamldoc **ret_doc,
                              struct diag *reterr)
{
    memset(ret_config, 0, sizeof(*ret_config));
    *ret_doc = NULL;
    struct cfg_sources sources = {source->file, environ, source->sets, source->set_count};
    TRY(cfg_load(&train_config_table, &sources, ret_config, ret_doc, reterr));
    enum status code = train_config_finish(ret_config, source->file, reterr);
    if (code != STATUS_OK) {
        cfg_blame(&train_config_table, &sources, *ret_doc, reterr);
        diag_in_file(reterr, source->file);
    }
    return code;
}

void train_config_fini(struct train_config *config)
{
    cfg_fini(&train_config_table, config);
}

const struct method *train_config_method(const struct train_config *config)
{
    return method_at((size_t)config->method);
}

double train_config_alpha(const struct train_config *config)
{
    return config->loss_alpha >= 0 ? config->loss_alpha : 1 / (1 + config->loss_ratio);
}

double train_config_lr(const struct train_config *config, uint64_t epoch)
{
    uint64_t steps = epoch / (uint64_t)config->train_lr_step;
    double lr = config->train_lr;
    // Repeated products: exact for the usual factor of one half, and the same on every machine.
    for (uint64_t i = 0; i < steps && lr > 0; i++)
        lr *= config->train_lr_factor;
    return lr;
}

double train_config_rank(const struct train_config *config, const struct quality *quality)
{
    const double measures[] = {quality->ndcg10, quality->gauc, quality->auc};
    return measures[config->train_rank_by];
}

const char *train_config_rank_key(const struct train_config *config)
{
    static const char *const keys[] = {"ndcg10", "gauc", "auc"};
    return keys[config->train_rank_by];
}

const char *train_config_rank_title(const struct train_config *config)
{
    static const char *const titles[] = {"NDCG@10", "GAUC", "AUC"};
    return titles[config->train_rank_by];
}

double train_config_embed_lr(const struct train_config *config, uint64_t epoch)
{
    double lr = train_config_lr(config, epoch);
    return config->embedding_lr > 0 ? lr * (config->embedding_lr / config->train_lr) : lr;
}

void train_config_attention(const struct train_config *config,
                            struct checkpoint_attention *ret_attention)
{
    *ret_attention = (struct checkpoint_attention){
        .hidden_count = config->din_hidden.count,
        .activation = config->din_activation == 1 ? DIN_DICE : DIN_PRELU,
        .softmax = config->din_softmax,
    };
    for (size_t k = 0; k < config->din_hidden.count; k++)
        ret_attention->hidden[k] = (size_t)config->din_hidden.items[k];
}

bool train_config_moves_input(const struct train_config *config, const char *tower)
{
    static const char *const muted[] = {"", "student", "teacher"}; // by base_gradient
    return config->mode != TRAIN_CONFIG_JOINT || !config->share_base ||
           strcmp(tower, muted[config->base_gradient]) != 0;
}

void train_config_identity(const struct train_config *config, struct buf *out)
{
    static char none[] = "";
    struct train_config plain = *config;
    plain.data_train = plain.data_valid = plain.data_test = plain.data_join = plain.data_cache =
        plain.teacher = none;
    plain.train_threads = 0;
    plain.train_checkpoint_minutes = 0;
    cfg_dump(&train_config_table, &plain, out);
    if (config->teacher[0] != '\0')
        buf_text(out, "# with a teacher that was there before\n");
}

void train_config_yaml(const struct train_config *config, struct buf *out)
{
    cfg_dump(&train_config_table, config, out);
}
